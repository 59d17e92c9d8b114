"""How many values lie in each bin of a column, and their sums: exact counts in one pass, near the cost of reading."""

from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy
import numpy.typing

from podium.core import native
from podium.core.errors import Invalid
from podium.measures import rows

Counts: TypeAlias = numpy.typing.NDArray[numpy.int64]
Singles: TypeAlias = numpy.typing.NDArray[numpy.float32]
Number = TypeVar("Number", numpy.int64, numpy.float64)
PIECE = 65_536
"""Values sorted at once: few enough to stay in the processor's own cache."""
_SHIFT = 0.05
"""How far an edge may move to its single-precision place, as a share of the narrower bin beside it."""
_MOST_EDGES = 32_767
"""So many does the part in C know."""
_counting = native.part(native.COUNTING)


class Valid(NamedTuple):
    """Which values are there, as in Arrow: a bit a value, the lowest first, from a place on; 0 = null."""

    bits: Any
    """A buffer of bytes."""
    offset: int

    def of(self, size: int) -> numpy.typing.NDArray[numpy.bool_]:
        """As booleans, shape [size]."""
        first, last = self.offset // 8, (self.offset + size + 7) // 8
        bits = numpy.unpackbits(numpy.frombuffer(self.bits, dtype=numpy.uint8)[first:last], bitorder="little")
        return bits[self.offset % 8 :][:size].view(numpy.bool_)

    def at(self, places: numpy.typing.NDArray[numpy.int64]) -> numpy.typing.NDArray[numpy.bool_]:
        """Those at places alone, as booleans, shape [places]."""
        here = places + self.offset
        bits = numpy.frombuffer(self.bits, dtype=numpy.uint8)[here >> 3]
        return numpy.asarray(bits >> (here & 7).astype(numpy.uint8) & 1, dtype=numpy.bool_)


class Bins:
    """Counts and sums of values on fixed bins, fed piece by piece; bin i holds edges[i−1] < x ≤ edges[i].

    `_counting.c` counts in one pass. Where it was not compiled each piece is sorted, then the edges are looked up in
    it, and not each value among the edges: NumPy's vectorised sort costs 3 ns a value (2 in single precision, see
    `singles`), a look-up of the value 40. What is sorted has its nulls (NaN) at the end and the values of a bin side by
    side. Infinities are counted apart: no sum is lost to them. Both ways find the same counts.

    >>> bins = Bins(numpy.array([2.0]))
    >>> bins.add(numpy.array([3.0, 1.0, numpy.nan, 2.0, numpy.inf]))
    >>> bins.counts.tolist(), bins.sums.tolist(), bins.nulls, bins.infinite, bins.minimum, bins.maximum
    ([2, 1], [3.0, 3.0], 1, 1, 1.0, 3.0)
    """

    def __init__(
        self,
        edges: rows.Numbers,
        *,
        low: float | None = None,
        high: float | None = None,
        centre: float = 0.0,
    ) -> None:
        """`edges`: shape [bins − 1], ascending, else `Invalid`. `low` and `high`: count values beyond them.

        `centre`: see `squares`.
        """
        self.edges = numpy.ascontiguousarray(edges, dtype=numpy.float64)
        if numpy.isnan(self.edges).any() or (self.edges[1:] < self.edges[:-1]).any():
            raise Invalid("The edges of bins ascend.", field="edges")
        self.counts: Counts = numpy.zeros(self.edges.size + 1, dtype=numpy.int64)
        self.sums: rows.Numbers = numpy.zeros(self.edges.size + 1)
        """Right to 16 digits; without C, where the edges suit single precision, of values rounded to it: to 8."""
        self.squares = 0.0
        """Of the distances from `centre`, so that a column far from zero keeps its deviation."""
        self.centre = centre
        self.nulls = self.infinite = self.below = self.above = 0
        self.minimum: float | None = None
        self.maximum: float | None = None
        self._low = -numpy.inf if low is None else low
        self._high = numpy.inf if high is None else high
        compiled = _counting is not None and self.edges.size <= _MOST_EDGES
        self._grid: Any = _counting.Grid(self.edges) if compiled else None
        self._singles = singles(self.edges) if self._grid is None else None

    def add(self, values: rows.Numbers, valid: Valid | None = None) -> None:
        """Count values (float64, shape [n], NaN = null, and what is not `valid`); `Invalid` on another shape."""
        if values.ndim != 1:
            raise Invalid(f"One value a row is needed, not {values.ndim} dimensions.", field="values")
        if self._grid is not None:
            self._add_compiled(numpy.ascontiguousarray(values, dtype=numpy.float64), valid)
            return
        if valid is not None:
            values = numpy.where(valid.of(values.size), values, numpy.nan)
        for start in range(0, values.size, PIECE):
            piece = values[start : start + PIECE]
            if self._singles is None or not self._add_single(piece, self._singles):
                self._add_double(piece)

    def _add_compiled(self, values: rows.Numbers, valid: Valid | None) -> None:
        bits, offset = (None, 0) if valid is None else valid
        nulls, infinite, below, above, squares, first, last = self._grid.add(
            values, bits, offset, self.counts, self.sums, self.centre, self._low, self._high
        )
        self.nulls += nulls
        self.infinite += infinite
        self.below += below
        self.above += above
        self.squares += squares
        if first <= last:
            self._extend(first, last)

    def _add_single(self, piece: rows.Numbers, edges: Singles) -> bool:
        """Count by the values in single precision; False, with nothing counted, when one is too large for it."""
        with numpy.errstate(over="ignore"):
            ordered = piece.astype(numpy.float32)
        ordered.sort()
        end, numbers = ordered.searchsorted(numpy.float32(numpy.inf)), _numbers(ordered)
        if end != numbers or (end and ordered[0] == -numpy.inf):
            return False
        self.nulls += int(ordered.size - numbers)
        if end:
            starts = self._starts(ordered[:end], edges)
            self._take(ordered[:end].astype(numpy.float64), starts)
            self._reach_single(piece, float(ordered[0]), float(ordered[end - 1]))
        return True

    def _add_double(self, piece: rows.Numbers) -> None:
        ordered = numpy.sort(piece)
        end, numbers = int(ordered.searchsorted(numpy.inf)), _numbers(ordered)
        begin = int(ordered.searchsorted(-numpy.inf, "right"))
        self.nulls += int(ordered.size - numbers)
        self.infinite += numbers - end + begin
        known = ordered[begin:end]
        if known.size:
            self._take(known, self._starts(known, self.edges))
            self._reach(known)

    def _starts(self, known: rows.Numbers | Singles, edges: rows.Numbers | Singles) -> Counts:
        """Where each bin starts among sorted values, and where the last ends, shape [bins + 1]."""
        starts = numpy.empty(self.counts.size + 1, dtype=numpy.int64)
        starts[0], starts[-1] = 0, known.size
        starts[1:-1] = known.searchsorted(edges, "right")
        return starts

    def _take(self, known: rows.Numbers, starts: Counts) -> None:
        counts = starts[1:] - starts[:-1]
        self.counts += counts
        held = counts.nonzero()[0]
        self.sums[held] += numpy.add.reduceat(known, starts[held])
        if self.centre:
            known = known - self.centre
        self.squares += float(numpy.einsum("i,i->", known, known))

    def _reach_single(self, piece: rows.Numbers, first: float, last: float) -> None:
        """Look at the values themselves only where rounded ones say that an extreme or a limit may be passed."""
        lowest = max(self._low, numpy.inf if self.minimum is None else self.minimum)
        highest = min(self._high, -numpy.inf if self.maximum is None else self.maximum)
        if first <= numpy.float32(lowest) or last >= numpy.float32(highest):
            self._reach(piece[~numpy.isnan(piece)])

    def _reach(self, known: rows.Numbers) -> None:
        first, last = float(known.min()), float(known.max())
        self._extend(first, last)
        if first < self._low:
            self.below += int((known < self._low).sum())
        if last > self._high:
            self.above += int((known > self._high).sum())

    def _extend(self, first: float, last: float) -> None:
        self.minimum = first if self.minimum is None else min(first, self.minimum)
        self.maximum = last if self.maximum is None else max(last, self.maximum)

    @property
    def known(self) -> int:
        """Values that are neither null nor infinite."""
        return int(self.counts.sum())

    @property
    def total(self) -> float:
        """Their sum."""
        return float(self.sums.sum())

    @property
    def mean(self) -> float | None:
        return self.total / self.known if self.known else None

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation; None below two values.

        >>> bins = Bins(numpy.array([2.0]), centre=1e9)
        >>> bins.add(numpy.array([1e9, 1e9 + 2.0]))
        >>> round(bins.deviation, 6)
        1.414214
        """
        count = self.known
        if count < 2:
            return None
        apart = self.total - count * self.centre
        return float(numpy.sqrt(max(0.0, self.squares - apart * apart / count) / (count - 1)))

    @property
    def squares_from_zero(self) -> float:
        """The sum of squares of the values themselves."""
        return self.squares + self.centre * (2.0 * self.total - self.known * self.centre)


def chosen(
    values: rows.Numbers, valid: Valid | None, places: slice | numpy.typing.NDArray[numpy.int64]
) -> rows.Numbers:
    """The values (float64, shape [n]) at places, NaN where they are not `valid`, shape [places].

    >>> chosen(numpy.array([1.0, 2.0, 3.0]), Valid(b"\x06", 0), numpy.array([0, 2])).tolist()
    [nan, 3.0]
    """
    if valid is None:
        return values[places]
    there = valid.of(values.size)[places] if isinstance(places, slice) else valid.at(places)
    return numpy.where(there, values[places], numpy.nan)


def tally(codes: numpy.typing.NDArray[numpy.int32], valid: Valid | None, counts: Counts) -> int:
    """Add to `counts` how often each code (shape [n], < counts.size) occurs where it is `valid`; how many are not.

    >>> counts = numpy.zeros(2, dtype=numpy.int64)
    >>> tally(numpy.array([1, 0, 1], dtype=numpy.int32), Valid(b"\x05", 0), counts), counts.tolist()
    (1, [0, 2])
    """
    if _counting is not None:
        bits, offset = (None, 0) if valid is None else valid
        return int(_counting.tally(numpy.ascontiguousarray(codes), bits, offset, counts))
    known = codes if valid is None else codes[valid.of(codes.size)]
    counts += numpy.bincount(known, minlength=counts.size)
    return int(codes.size - known.size)


def different(ordered: numpy.typing.NDArray[Number]) -> numpy.typing.NDArray[Number]:
    """Ascending values (shape [n]) without repetition: `numpy.unique` loads masked arrays, which takes 20 ms.

    >>> different(numpy.array([1, 1, 2])).tolist(), different(numpy.array([])).tolist()
    ([1, 2], [])
    """
    first = numpy.ones(min(1, ordered.size), dtype=numpy.bool_)
    found: numpy.typing.NDArray[Number] = ordered[numpy.append(first, ordered[1:] != ordered[:-1])]
    return found


def suited(edges: rows.Numbers) -> rows.Numbers:
    """The edges moved up a trifle so that values can be counted in single precision, exactly; or as they were.

    A moved edge lies halfway between two neighbouring single-precision numbers of which the lower is even: a value
    rounds to the lower one or below exactly if it is at or below the edge. The edges stay when that would move one by
    more than a twentieth of the narrower bin beside it.

    >>> moved = suited(numpy.array([1.0, 2.0]))
    >>> (moved - [1.0, 2.0]).round(9).tolist(), suited(numpy.array([1e9, 1e9 + 1])).tolist()
    ([6e-08, 1.19e-07], [1000000000.0, 1000000001.0])
    """
    if not edges.size or not (numpy.abs(edges) < numpy.finfo(numpy.float32).max / 2).all():
        return edges
    lower = edges.astype(numpy.float32)
    lower = numpy.where(lower < edges, _next(lower), lower)
    lower = numpy.where(lower.view(numpy.int32) & 1, _next(lower), lower)
    moved = (lower.astype(numpy.float64) + _next(lower)) / 2
    widths = numpy.diff(edges) if edges.size > 1 else numpy.abs(edges)
    beside = numpy.minimum(numpy.append(widths, numpy.inf), numpy.insert(widths, 0, numpy.inf))[: edges.size]
    return moved if (moved - edges <= _SHIFT * beside).all() else edges


def singles(edges: rows.Numbers) -> Singles | None:
    """For edges that were moved by `suited`, the largest single-precision number below each; else None.

    >>> singles(suited(numpy.array([1.0, 2.0]))).tolist(), singles(numpy.array([1.0, 2.0]))
    ([1.0, 2.0], None)
    """
    if not edges.size or not (numpy.abs(edges) < numpy.finfo(numpy.float32).max / 2).all():
        return None
    lower = edges.astype(numpy.float32)
    lower = numpy.where(lower > edges, numpy.nextafter(lower, numpy.float32(-numpy.inf)), lower)
    even = (lower.view(numpy.int32) & 1) == 0
    halfway = (lower.astype(numpy.float64) + _next(lower)) / 2 == edges
    return lower if bool((even & halfway).all()) else None


def _next(values: Singles) -> Singles:
    return numpy.nextafter(values, numpy.float32(numpy.inf))


def _numbers(ordered: rows.Numbers | Singles) -> int:
    """How many sorted values are not NaN."""
    return int(ordered.searchsorted(ordered.dtype.type(numpy.inf), "right"))
