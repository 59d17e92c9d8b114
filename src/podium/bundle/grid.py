"""Canonical columns side by side: one matrix of float64 and one of texts, in the signature's order.

It is the form in which many small requests become one call of an engine, without work for each feature.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from podium.bundle import columns, layout
from podium.core.signature import Signature


class Grid(NamedTuple):
    """`numbers` [n, k] float64: numbers, integers and booleans; `texts` [n, m] object. As `columns` describes them."""

    numbers: npt.NDArray[np.float64]
    texts: npt.NDArray[Any]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.numbers)


class Order(NamedTuple):
    """Which feature stands in which column."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]


def order(signature: Signature) -> Order:
    """The order of a signature's features; that of a model file's two inputs."""
    described = layout.of(signature)
    return Order(described.numbers, described.texts)


def of(places: Order, table: columns.Columns) -> Grid:
    """The grid of canonical columns."""
    rows = columns.count(table)
    numbers = np.empty((rows, len(places.numbers)), dtype=np.float64)
    for index, name in enumerate(places.numbers):
        numbers[:, index] = table[name]
    texts = np.empty((rows, len(places.texts)), dtype=object)
    for index, name in enumerate(places.texts):
        texts[:, index] = table[name]
    return Grid(numbers, texts)


def split(places: Order, grid: Grid) -> columns.Columns:
    """The canonical columns of a grid, as views of it."""
    found: columns.Columns = {name: grid.numbers[:, index] for index, name in enumerate(places.numbers)}
    found |= {name: grid.texts[:, index] for index, name in enumerate(places.texts)}
    return found


def take(grid: Grid, index: npt.NDArray[Any] | slice) -> Grid:
    """The rows at those positions."""
    return Grid(grid.numbers[index], grid.texts[index])


def same_numbers(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64]) -> bool:
    """Whether two contiguous arrays have one shape and the same bits, but that all nulls (NaN) are the same."""
    if one.shape != two.shape:
        return False
    same = (one.view(np.int64) == two.view(np.int64)) | (np.isnan(one) & np.isnan(two))
    return bool(same.all())


def join(grids: Sequence[Grid]) -> Grid:
    """The rows of all, in order."""
    if len(grids) == 1:
        return grids[0]
    return Grid(np.concatenate([each.numbers for each in grids]), np.concatenate([each.texts for each in grids]))
