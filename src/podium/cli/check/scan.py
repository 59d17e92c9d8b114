"""A table's summary from its files: each column by itself, several at once, each value decoded once."""

import concurrent.futures
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec
import numpy
import numpy.typing
import pyarrow

from podium.cli.check import source as sources
from podium.core import reference as core
from podium.core.errors import Invalid
from podium.measures import binning, rows
from podium.measures.drift import reconstruction, standard
from podium.measures.drift import reference as references
from podium.measures.sketch import arrow, column, histogram, table

SAMPLE = 4_000
"""Rows kept for what needs whole rows: unit changes and the multivariate measures."""
_EDGES_FROM = 100_000
"""Values from which the edges of bins are found; what lies in the bins is counted over all."""
_HELD = 2_000_000
"""Rows up to which a column is kept between finding the edges and counting, rather than read twice."""
_GROUPS = 8
_THREADS = 8
_QUANTILES = (0.1, 0.5, 0.9)

Result = TypeVar("Result")
_Numbers: TypeAlias = tuple[rows.Numbers, binning.Valid | None]
"""A piece of a numeric column: its values, and which are not null."""
Heard = Callable[[float], None]
"""Is told what share is done."""


class _Taker(Protocol):
    def add(self, array: pyarrow.Array) -> None: ...


class Sample(NamedTuple):
    """The same rows of every numeric column, spread evenly over the table."""

    numbers: dict[str, rows.Numbers]

    def matrix(self, columns: Sequence[str]) -> standard.Matrix:
        """Numeric columns side by side, shape [rows, columns]."""
        return numpy.column_stack([self.numbers[name] for name in columns]) if columns else numpy.empty((0, 0))


def reference(
    source: sources.Source, names: Sequence[str], together: Sequence[str], heard: Heard, threads: int
) -> tuple[table.TableReference, Sample]:
    """Summarise columns as a reference; `together`: those whose pattern is kept. Also the sample it was found on."""
    places = _places(source.rows)

    def make(reader: sources.Reader, name: str) -> tuple[table.ColumnReference, column.Sampled]:
        sampled = column.Sampled(places)
        return _reference_of(reader, name, source.types[name], source.rows, sampled), sampled

    found = _each(source, names, make, heard, threads)
    sample = _sample({name: sampled for name, (each, sampled) in found.items() if each.numeric is not None})
    numeric = tuple(name for name in together if name in sample.numbers)
    pattern = reconstruction.pattern(numeric, sample.matrix(numeric)) if numeric else None
    columns = tuple(found[name][0] for name in names)
    return table.TableReference(format=table.FORMAT, rows=source.rows, columns=columns, pattern=pattern), sample


def summary(
    source: sources.Source, before: table.TableReference, names: Sequence[str], heard: Heard, threads: int
) -> tuple[table.TableSummary, Sample]:
    """Summarise columns on the bins and categories of a reference, which knows all of `names`."""
    places = _places(source.rows)
    known = {each.name: each for each in before.columns}

    def make(reader: sources.Reader, name: str) -> tuple[table.ColumnSummary, column.Sampled]:
        sampled = column.Sampled(places)
        return _summary_of(reader, known[name], source.types[name], sampled), sampled

    found = _each(source, names, make, heard, threads)
    sample = _sample(
        {
            name: sampled
            for name, (each, sampled) in found.items()
            if each.numeric is not None and each.kind is arrow.Kind.NUMERIC
        }
    )
    return table.TableSummary(rows=source.rows, columns=tuple(found[name][0] for name in names)), sample


def different(source: sources.Source, key: str) -> int:
    """How many different values a column has; `Invalid` for lists and structures."""
    import pyarrow.compute

    if pyarrow.types.is_nested(source.types[key]):
        raise Invalid("A list or structure is no key.", field="--key")
    reader = source.reader()
    try:
        whole = pyarrow.chunked_array(_plain(reader.pieces(key)), type=source.types[key])
        return int(pyarrow.compute.count_distinct(whole, mode="only_valid").as_py())
    finally:
        reader.close()


def _plain(pieces: Iterable[pyarrow.Array]) -> list[pyarrow.Array]:
    return [each.dictionary_decode() if pyarrow.types.is_dictionary(each.type) else each for each in pieces]


def _places(total: int) -> numpy.typing.NDArray[numpy.int64]:
    return binning.different(numpy.linspace(0, max(0, total - 1), min(SAMPLE, total)).astype(numpy.int64))


def _each(
    source: sources.Source,
    names: Sequence[str],
    make: Callable[[sources.Reader, str], Result],
    heard: Heard,
    threads: int,
) -> dict[str, Result]:
    """Make something of each column, several at once; the first problem ends it."""
    made: dict[str, Result] = {}
    waiting = iter(names)
    lock = threading.Lock()

    def work() -> None:
        reader = source.reader()
        try:
            while True:
                with lock:
                    name = next(waiting)
                made[name] = make(reader, name)
                heard(len(made) / len(names))
        except StopIteration:
            return
        finally:
            reader.close()

    with concurrent.futures.ThreadPoolExecutor(max(1, min(_THREADS, threads, len(names)))) as pool:
        for each in [pool.submit(work) for _ in range(max(1, min(_THREADS, threads, len(names))))]:
            each.result()
    return made


def _feed(pieces: Iterable[pyarrow.Array], taker: _Taker) -> None:
    for piece in pieces:
        taker.add(piece)


def _count(pieces: Iterable[_Numbers], bins: binning.Bins, sampled: column.Sampled) -> None:
    for values, valid in pieces:
        bins.add(values, valid)
        sampled.add(values, valid)


def _numbers(reader: sources.Reader, name: str, most_groups: int | None = None) -> Iterator[_Numbers]:
    return map(arrow.numbers_and_valid, reader.pieces(name, most_groups))


def _reference_of(
    reader: sources.Reader, name: str, type_: pyarrow.DataType, total: int, sampled: column.Sampled
) -> table.ColumnReference:
    made = table.ColumnReference(name=name, kind=arrow.kind(type_), type=str(type_))
    if made.kind is arrow.Kind.NUMERIC:
        held = list(_numbers(reader, name)) if total <= _HELD else None
        edges, centre = _edges(held if held is not None else _numbers(reader, name, _GROUPS), total)
        bins = binning.Bins(edges, centre=centre)
        _count(held if held is not None else _numbers(reader, name), bins, sampled)
        return msgspec.structs.replace(made, numeric=references.of_bins(bins, bins.nulls + bins.infinite))
    if made.kind is arrow.Kind.TIME:
        instants = column.Instants()
        _feed(reader.pieces(name), instants)
        return msgspec.structs.replace(made, first_us=instants.first_us, last_us=instants.last_us, nulls=instants.nulls)
    if made.kind is arrow.Kind.CATEGORY:
        words = column.Words()
        _feed(reader.pieces(name), words)
        return msgspec.structs.replace(made, category=words.to_reference())
    if made.kind is arrow.Kind.EMPTY:
        return msgspec.structs.replace(made, category=core.CategoryReference(counts={}, other=0, nulls=total))
    return msgspec.structs.replace(made, nulls=sum(piece.null_count for piece in reader.pieces(name)))


def _edges(pieces: Iterable[_Numbers], total: int) -> tuple[rows.Numbers, float]:
    """The edges of a column's bins and a value in its middle, from values spread evenly over the pieces."""
    step = max(1, total // _EDGES_FROM)
    found = [binning.chosen(values, valid, slice(None, None, step)) for values, valid in pieces]
    ordered = numpy.concatenate(found) if found else numpy.empty(0)
    ordered.sort()  # null comes last; no more copies: memory that was never used costs more than the sort
    known = ordered[ordered.searchsorted(-numpy.inf, "right") : ordered.searchsorted(numpy.inf)]
    if not known.size:
        return numpy.empty(0), 0.0
    edges = binning.suited(references.fine_edges_of(known))
    return edges, float(edges[edges.size // 2]) if edges.size else 0.0


def _summary_of(
    reader: sources.Reader, before: table.ColumnReference, type_: pyarrow.DataType, sampled: column.Sampled
) -> table.ColumnSummary:
    made = table.ColumnSummary(name=before.name, kind=arrow.kind(type_), type=str(type_))
    if before.numeric is not None and made.kind in (arrow.Kind.NUMERIC, arrow.Kind.EMPTY):
        known = before.numeric
        bins = binning.Bins(numpy.array(known.edges), low=known.minimum, high=known.maximum)
        _count(_numbers(reader, before.name), bins, sampled)
        sketch = histogram.of_bins(bins)
        return msgspec.structs.replace(made, numeric=sketch, quantiles=_quantiles(sampled.numbers()))
    pieces = reader.pieces(before.name)
    if before.category is not None and (made.kind in (arrow.Kind.CATEGORY, arrow.Kind.EMPTY)):
        words = column.Words(tuple(before.category.counts))
        _feed(pieces, words)
        return msgspec.structs.replace(made, category=words.sketch(before.category))
    if before.kind is arrow.Kind.TIME and made.kind is arrow.Kind.TIME:
        instants = column.Instants()
        _feed(pieces, instants)
        return msgspec.structs.replace(made, first_us=instants.first_us, last_us=instants.last_us, nulls=instants.nulls)
    if before.kind is arrow.Kind.EMPTY and before.category is not None:
        words = column.Words(())
        for piece in pieces:
            words.nulls += piece.null_count
            words.unnamed += len(piece) - piece.null_count
        return msgspec.structs.replace(made, category=words.sketch(before.category))
    return msgspec.structs.replace(made, nulls=sum(piece.null_count for piece in pieces))


def _quantiles(values: rows.Numbers) -> tuple[float, float, float] | None:
    known = values[numpy.isfinite(values)]
    if not known.size:
        return None
    low, middle, high = numpy.quantile(known, _QUANTILES, method="inverted_cdf").tolist()
    return low, middle, high


def _sample(sampled: dict[str, column.Sampled]) -> Sample:
    return Sample(numbers={name: each.numbers() for name, each in sampled.items()})
