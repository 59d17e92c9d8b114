"""Canonical columns straight from NumPy and Arrow arrays, as a grid, all values of a kind checked at once.

What is not quite plain (a number too large, a type to convert, a null where none may be) goes the long way of
`podium.bundle.columns`, so that the values, and the errors, are the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import columns, grid
from podium.bundle.columns import NULL_TEXT
from podium.bundle.grid import Grid
from podium.core.signature import Field, FieldType, Signature

_NUMERIC = (pa.FloatingPointArray, pa.IntegerArray, pa.BooleanArray)
_TEXTUAL = (pa.StringArray, pa.LargeStringArray)
_UNFIT = (pa.ArrowException, TypeError)
_Numbers = npt.NDArray[np.float64]


class Shape:
    """What is asked again and again of a signature."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.order = grid.order(signature)
        self.fields = {field.name: field for field in signature.features}
        numbers = [self.fields[name] for name in self.order.numbers]
        self.kinds = tuple("b" if field.type is FieldType.BOOLEAN else "iuf" for field in numbers)
        """The kinds of arrays that need no more than a cast, for each number."""
        self.integers = [at for at, field in enumerate(numbers) if field.type is FieldType.INTEGER]
        self.limits = np.full(len(numbers), np.inf)
        self.limits[self.integers] = columns.LARGEST_INTEGER
        self.never_null = [at for at, field in enumerate(numbers) if not field.nullable]
        self.any_boolean = "b" in self.kinds


class _Shapes:
    """The shapes of the signatures in use, found by identity: there is one object for each loaded bundle."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._known: dict[int, Shape] = {}

    def of(self, signature: Signature) -> Shape:
        known = self._known.get(id(signature))
        if known is None or known.signature is not signature:
            if len(self._known) >= self._most:
                self._known.clear()
            known = self._known[id(signature)] = Shape(signature)
        return known


_SHAPES = _Shapes()


def fields(signature: Signature) -> Mapping[str, Field]:
    """A signature's features by name."""
    return _SHAPES.of(signature).fields


def of(signature: Signature, given: Mapping[str, Any]) -> columns.Columns:
    """Columns of NumPy arrays, Arrow arrays or lists by feature, as `columns.from_given` makes them."""
    return grid.split(_SHAPES.of(signature).order, grid_of(signature, given))


def grid_of(signature: Signature, given: Mapping[str, Any], rows: int = -1) -> Grid:
    """The same as a grid, without a column of its own for each feature. `rows`: the length of all, if it is known."""
    known = _SHAPES.of(signature)
    good = known.fields.keys() <= given.keys() if rows >= 0 else _even(known.fields, given)
    if not good:
        return grid.of(known.order, columns.from_given(signature, given))
    rows = rows if rows >= 0 else len(given[next(iter(known.fields))])
    lines = np.empty((len(known.order.numbers), rows), dtype=np.float64)
    doubtful = []
    for at, (name, kinds) in enumerate(zip(known.order.numbers, known.kinds, strict=True)):
        values = given[name]
        if type(values) is np.ndarray and values.dtype.kind in kinds and values.ndim == 1:
            lines[at] = values
            continue
        plain = _plain(values, kinds)
        if plain is None:
            doubtful.append(at)
        lines[at] = 0.0 if plain is None else plain
    numbers = np.ascontiguousarray(lines.T)
    _settle(known, numbers, known.integers, doubtful, given)
    return Grid(numbers, _texts(known, given, rows))


class Batch(Mapping[str, Any]):
    """A record batch's columns by name; `places`: where each stands."""

    def __init__(self, batch: pa.RecordBatch, places: Mapping[str, int]) -> None:
        self.batch = batch
        self.places = places

    def __getitem__(self, name: str) -> pa.Array:
        return self.batch.column(self.places[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def grid_of_batch(signature: Signature, given: Batch) -> Grid:
    """The grid of a validated batch; all its numbers are converted in one call."""
    known = _SHAPES.of(signature)
    batch = given.batch
    try:
        wanted = [given.places[name] for name in known.order.numbers]
        texts = {name: given[name] for name in known.order.texts}
        numbers = (
            None if known.any_boolean or not wanted else batch.select(wanted).to_tensor(null_to_nan=True).to_numpy()
        )
    except (*_UNFIT, KeyError):
        numbers = None
    if numbers is None or numbers.dtype != np.float64:
        return grid_of(signature, given)
    if not numbers.flags.writeable:
        numbers = numbers.copy()
    rough = [at for at in known.integers if not isinstance(batch.column(wanted[at]), pa.IntegerArray)]
    _settle(known, numbers, rough, [], given)
    return Grid(numbers, _texts(known, texts, batch.num_rows))


def _even(names: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether all features are there, as columns of one length."""
    try:
        return len({len(given[name]) for name in names}) == 1
    except KeyError:
        return False


def _long_way(known: Shape, name: str, given: Mapping[str, Any]) -> npt.NDArray[Any]:
    only = msgspec.structs.replace(known.signature, features=(known.fields[name],))
    return columns.from_given(only, {name: given[name]})[name]


def _plain(values: Any, kinds: str) -> npt.NDArray[Any] | None:
    """The values as an array that needs no more than a cast to float64, if they are such."""
    if isinstance(values, _NUMERIC):
        if values.null_count:
            return None
        values = values.to_numpy(zero_copy_only=False)
    if not isinstance(values, np.ndarray) or values.ndim != 1:
        return None
    return values if values.dtype.kind in kinds else None


def _settle(
    known: Shape, numbers: _Numbers, rough: Sequence[int], doubtful: list[int], given: Mapping[str, Any]
) -> None:
    """Check a matrix [n, k]; columns in doubt go the long way, which finds the row or gives the same values.

    `rough`: the integer columns that came as floats. 2^53 itself is in doubt for an integer: it may have been a larger
    one before it was rounded.
    """
    good = np.abs(numbers) < known.limits
    if not good.all():
        null = np.isnan(numbers)
        if np.count_nonzero(good) + np.count_nonzero(null) < good.size:
            doubtful = [*doubtful, *np.flatnonzero(~(good | null).all(axis=0)).tolist()]
        if len(known.never_null) and null[:, known.never_null].any():
            doubtful = [*doubtful, *known.never_null]
        np.copyto(numbers, np.nan, where=null)
    for at in rough:
        line = numbers[:, at]
        line += 0.0  # -0.0 becomes 0.0
        if not ((np.rint(line) == line) | np.isnan(line)).all():
            doubtful = [*doubtful, at]
    for at in doubtful:
        numbers[:, at] = _long_way(known, known.order.numbers[at], given)


def _texts(known: Shape, given: Mapping[str, Any], rows: int) -> npt.NDArray[np.object_]:
    """The text columns [n, m], looked through together for the two characters that are refused."""
    names = known.order.texts
    made = np.empty((rows, len(names)), dtype=object)
    doubtful = []
    nulls = False
    for at, name in enumerate(names):
        found = _words(given[name], nullable=known.fields[name].nullable)
        if found is None:
            doubtful.append(at)
            made[:, at] = ""
        else:
            made[:, at] = found
            nulls = nulls or given[name].null_count > 0
    flat = made.ravel().tolist()
    if nulls:
        null = np.array([text is None for text in flat], dtype=np.bool_).reshape(made.shape)
        flat = [text for text in flat if text is not None]
        made[null] = NULL_TEXT
    together = "".join(flat)
    if "\x00" in together or NULL_TEXT in together:
        doubtful = list(range(len(names)))
    for at in doubtful:
        made[:, at] = _long_way(known, names[at], given)
    return made


def _words(values: Any, *, nullable: bool) -> npt.NDArray[np.object_] | None:
    """Text as an array of `str` and None, if the column is text and its nulls are allowed."""
    if isinstance(values, pa.DictionaryArray):
        words = values.dictionary
        if values.null_count or words.null_count or not isinstance(words, _TEXTUAL):
            return None
        found: npt.NDArray[np.object_] = words.to_numpy(zero_copy_only=False)[values.indices.to_numpy()]
        return found
    if not isinstance(values, _TEXTUAL) or (values.null_count and not nullable):
        return None
    column: npt.NDArray[np.object_] = values.to_numpy(zero_copy_only=False)
    return column


def strings(values: Any, fits: Callable[[Sequence[str]], bool]) -> list[str] | None:
    """A text column without nulls as a list, if it `fits`."""
    if not isinstance(values, _TEXTUAL) or values.null_count:
        return None
    found: list[str] = values.to_numpy(zero_copy_only=False).tolist()
    return found if fits(found) else None
