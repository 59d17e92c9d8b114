"""Summaries of columns that come piece by piece, each value read once and none kept but a sample's."""

from collections.abc import Sequence

import numpy
import numpy.typing
import pyarrow

from podium.core import reference
from podium.measures import binning, rows
from podium.measures.drift import reference as references
from podium.measures.sketch import arrow, histogram

NAMES = 10_000
"""How many different categories are counted by name before the rarer ones are put together."""


class Sampled:
    """The rows at given places (ascending) of a numeric column that comes piece by piece: the same of every column."""

    def __init__(self, places: numpy.typing.NDArray[numpy.int64]) -> None:
        self._places = places
        self._done = 0
        self._found = [numpy.empty(0)]

    def add(self, values: rows.Numbers, valid: binning.Valid | None = None) -> None:
        """Take the next piece (float64, NaN = null, and what is not `valid`)."""
        begin, end = numpy.searchsorted(self._places, [self._done, self._done + values.size])
        self._found.append(binning.chosen(values, valid, self._places[begin:end] - self._done))
        self._done += values.size

    def numbers(self) -> rows.Numbers:
        """The values, shape [places], NaN = null."""
        return numpy.concatenate(self._found)


class Words:
    """A column of categories, counted by name: all of them up to 10,000, then the known or most frequent ones."""

    def __init__(self, known: Sequence[str] | None = None) -> None:
        """`known`: the reference's categories; None makes a reference."""
        self.counts: dict[str, int] = {}
        self.unnamed = self.nulls = 0
        self._known = None if known is None else frozenset(known)
        self._kept: pyarrow.Array | None = None

    def add(self, array: pyarrow.Array) -> None:
        """Take the next piece."""
        self.nulls += array.null_count
        if self._kept is None:
            self._count(*arrow.words(array))
        else:
            self._place(*arrow.words(array), self._kept)
        if self._kept is None and len(self.counts) > NAMES:
            self._settle()

    def _count(self, codes: pyarrow.Array, names: pyarrow.Array) -> None:
        numbers = _counted(codes, len(names))
        held = numpy.flatnonzero(numbers)
        found = (names if held.size == len(names) else names.take(arrow.of_plain(held))).to_pylist()
        for name, number in zip(found, numbers[held].tolist(), strict=True):
            self._add(name, number)

    def _place(self, codes: pyarrow.Array, names: pyarrow.Array, known: pyarrow.Array) -> None:
        """Count the categories that are kept; the others only together."""
        numbers = _counted(codes, len(names))
        both = pyarrow.concat_arrays([known, names]).dictionary_encode()
        kept = arrow.numbers(both.indices[len(known) :]) < len(known)  # of equal words the first has the code
        for at in numpy.flatnonzero(kept & (numbers > 0)).tolist():
            self._add(names[at].as_py(), int(numbers[at]))
        self.unnamed += int(numbers[~kept].sum())

    def _add(self, name: str | None, number: int) -> None:
        if name is None:
            self.nulls += number
        else:
            self.counts[name] = self.counts.get(name, 0) + number

    def _settle(self) -> None:
        kept = self._known if self._known is not None else self._top()
        self._kept = pyarrow.array(sorted(kept), pyarrow.string())
        self.unnamed += sum(number for name, number in self.counts.items() if name not in kept)
        self.counts = {name: number for name, number in self.counts.items() if name in kept}

    def _top(self) -> frozenset[str]:
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return frozenset(name for name, _ in ordered[: references.TOP])

    def to_reference(self) -> reference.CategoryReference:
        """What to keep as the reference: every category by name, or the most frequent when there are over 10,000."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return reference.CategoryReference(counts=dict(ordered), other=self.unnamed, nulls=self.nulls)

    def sketch(self, before: reference.CategoryReference) -> histogram.CategorySketch:
        """The summary against a reference."""
        return histogram.of_counts(self.counts, self.unnamed, self.nulls, before, NAMES)


class Instants:
    """A column of times: the first and the last."""

    def __init__(self) -> None:
        self.first_us: int | None = None
        self.last_us: int | None = None
        self.nulls = 0

    def add(self, array: pyarrow.Array) -> None:
        """Take the next piece."""
        self.nulls += array.null_count
        found = arrow.microseconds(array)
        if found is not None:
            self.first_us = found[0] if self.first_us is None else min(self.first_us, found[0])
            self.last_us = found[1] if self.last_us is None else max(self.last_us, found[1])


def _counted(codes: pyarrow.Array, different: int) -> binning.Counts:
    counts = numpy.zeros(different, dtype=numpy.int64)
    binning.tally(*arrow.codes_and_valid(codes), counts)
    return counts
