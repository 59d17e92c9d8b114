"""Rows that came in as arrays, and go to the engine as such."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from podium.bundle import arrow_columns
from podium.bundle.columns import Columns
from podium.bundle.grid import Grid
from podium.core.signature import Signature
from podium.scoring import request
from podium.scoring.protocols.plan import Block


class Tensors(request.Rows, frozen=True, kw_only=True):
    """Columns one by one, all of one length: NumPy arrays of numbers, Arrow arrays of text, lists of what was JSON."""

    def table(self, signature: Signature) -> Columns:
        """The canonical columns; `Invalid` naming the feature that does not fit."""
        return arrow_columns.of(signature, self.columns)

    def grid(self, signature: Signature) -> Grid:
        """The same as a grid."""
        return arrow_columns.grid_of(signature, self.columns, self.count)

    def keys(self, name: str) -> list[str]:
        """The rows' keys as text; empty where a row has none."""
        values = self.columns.get(name)
        if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
            return list(map(str, values.tolist()))
        found = arrow_columns.strings(values, _are_keys)
        return request.keys(self, name) if found is None else found


class Batch(Tensors, frozen=True, kw_only=True):
    """One validated record batch."""

    columns: arrow_columns.Batch

    def grid(self, signature: Signature) -> Grid:
        """The rows as a grid."""
        return arrow_columns.grid_of_batch(signature, self.columns)


def _are_keys(values: Sequence[str]) -> bool:
    return max(map(len, values), default=0) <= request.LONGEST_KEY and "\x00" not in "".join(values)


class Found(Tensors, frozen=True, kw_only=True):
    """Rows that the compiled finder read for one signature; `columns` says the same, for whoever asks for another."""

    signature: Signature
    block: Block

    def grid(self, signature: Signature) -> Grid:
        """The rows as a grid."""
        return self.block.grid if signature is self.signature else super().grid(signature)

    def keys(self, name: str) -> list[str]:
        """The rows' keys as text; empty where a row has none."""
        return self.block.keys if name == self.signature.key else super().keys(name)


class Later(Mapping[str, Any]):
    """Columns that are read when somebody asks for them."""

    def __init__(self, read: Callable[[], Mapping[str, Any]]) -> None:
        self._read = functools.cache(read)

    def __getitem__(self, name: str) -> Any:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())
