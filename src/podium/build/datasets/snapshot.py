"""The one Parquet form of some rows: the same rows in the same order give the same bytes, and so the same digest.

Canonical types: integers int64, floats and decimals float64, text string, booleans, dates date32, instants
timestamp[us, UTC] (one without a zone is taken as UTC). NaN becomes null. Row groups of 65,536 rows, whatever the
batches in which the rows came. Nothing but the rows is written: no index, no time, no metadata of other tools.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from podium.core.errors import Invalid

Rows: TypeAlias = pyarrow.Table | pyarrow.RecordBatchReader

GROUP = 65_536
"""Rows in a row group."""
_COLUMNS_LIMIT = 10_000
_NAME_LIMIT = 128
_BROKEN = (pyarrow.ArrowException, OSError, ValueError, OverflowError)


def write(rows: Rows, path: Path) -> int:
    """Write rows to a file in canonical form; how many there were. `Invalid` for rows that cannot be kept."""
    with path.open("wb") as file:
        return _write(rows, file)


def to_parquet(rows: Rows) -> bytes:
    """The canonical Parquet bytes of rows that fit in memory."""
    sink = pyarrow.BufferOutputStream()
    _write(rows, sink)
    return bytes(sink.getvalue())


def open_reader(source: bytes | Path) -> pyarrow.RecordBatchReader:
    """Read Parquet from somebody else, batch by batch. `Invalid` when it is no Parquet file, or a damaged one."""
    try:
        file = pyarrow.parquet.ParquetFile(
            pyarrow.BufferReader(source) if isinstance(source, bytes) else source,
            thrift_string_size_limit=64 * 1024 * 1024,
            thrift_container_size_limit=4 * 1024 * 1024,
            page_checksum_verification=True,
        )
        schema = file.schema_arrow
    except _BROKEN:
        raise _damaged() from None
    canonical_schema(schema)
    return pyarrow.RecordBatchReader.from_batches(schema, _read(file))


def canonical_schema(schema: pyarrow.Schema) -> pyarrow.Schema:
    """The columns with their canonical types. `Invalid` for names that repeat or are empty, and for types not kept."""
    _check_names(schema.names)
    return pyarrow.schema([pyarrow.field(field.name, _canonical_type(field)) for field in schema])


def _write(rows: Rows, sink: Any) -> int:
    schema = canonical_schema(rows.schema)
    reader = rows.to_reader(GROUP) if isinstance(rows, pyarrow.Table) else rows
    count = 0
    with _writer(sink, schema) as writer:
        for group in _groups(reader, schema):
            writer.write_table(group, row_group_size=GROUP)
            count += group.num_rows
    if count == 0:
        raise Invalid("There are no rows.", field="data", fix="A dataset version has at least one row.")
    return count


def _writer(sink: Any, schema: pyarrow.Schema) -> pyarrow.parquet.ParquetWriter:
    return pyarrow.parquet.ParquetWriter(
        sink,
        schema,
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=3,
        use_dictionary=True,
        write_statistics=True,
        store_schema=False,
        write_page_checksum=True,
    )


def _read(file: pyarrow.parquet.ParquetFile) -> Iterator[pyarrow.RecordBatch]:
    try:
        yield from file.iter_batches(GROUP)
    except _BROKEN:
        raise _damaged() from None


def _damaged() -> Invalid:
    return Invalid(
        "This is not a Parquet file, or it is damaged.", field="data", fix="Write it again, and send all of its bytes."
    )


def _groups(reader: pyarrow.RecordBatchReader, schema: pyarrow.Schema) -> Iterator[pyarrow.Table]:
    """Tables of exactly `GROUP` rows, the last one shorter."""
    waiting: list[pyarrow.RecordBatch] = []
    held = 0
    for batch in reader:
        canonical = _canonical(batch, schema)
        while held + canonical.num_rows >= GROUP:
            taken = GROUP - held
            waiting.append(canonical.slice(0, taken))
            yield pyarrow.Table.from_batches(waiting, schema).combine_chunks()
            canonical, waiting, held = canonical.slice(taken), [], 0
        if canonical.num_rows:
            waiting.append(canonical)
            held += canonical.num_rows
    if held:
        yield pyarrow.Table.from_batches(waiting, schema).combine_chunks()


def _canonical(batch: pyarrow.RecordBatch, schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    columns = [_column(column, field) for column, field in zip(batch.columns, schema, strict=True)]
    return pyarrow.RecordBatch.from_arrays(columns, schema=schema)


def _column(column: pyarrow.Array, field: pyarrow.Field) -> pyarrow.Array:
    try:
        column.validate(full=True)
        if pyarrow.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if column.type != field.type:
            finer = pyarrow.types.is_timestamp(column.type) or pyarrow.types.is_decimal(column.type)
            column = column.cast(field.type, safe=not finer)
    except _BROKEN:
        raise Invalid(
            f"The column {field.name!r} holds values that do not fit in {field.type}.",
            field="data",
            fix="Integers are of 64 bits with a sign; text is UTF-8.",
        ) from None
    if pyarrow.types.is_floating(field.type):
        return pyarrow.compute.if_else(pyarrow.compute.is_nan(column), pyarrow.scalar(None, field.type), column)
    return column


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise Invalid("There are no columns.", field="data")
    if len(names) > _COLUMNS_LIMIT:
        raise Invalid(f"There are more than {_COLUMNS_LIMIT} columns.", field="data")
    seen: set[str] = set()
    for position, name in enumerate(names, 1):
        if not 0 < len(name) <= _NAME_LIMIT or name != name.strip() or not name.isprintable():
            raise Invalid(
                f"The name of column {position} cannot be used.",
                field="data",
                fix=f"A name has 1 to {_NAME_LIMIT} printable characters and no space around it.",
            )
        if name in seen:
            raise Invalid(f"Two columns are named {name!r}.", field="data", fix="Rename one of them.")
        seen.add(name)


def _canonical_type(field: pyarrow.Field) -> pyarrow.DataType:
    kind = field.type.value_type if pyarrow.types.is_dictionary(field.type) else field.type
    is_ = pyarrow.types
    if is_.is_integer(kind):
        return pyarrow.int64()
    if is_.is_floating(kind) or is_.is_decimal(kind) or is_.is_null(kind):
        return pyarrow.float64()
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
        return pyarrow.string()
    if is_.is_boolean(kind):
        return pyarrow.bool_()
    if is_.is_timestamp(kind):
        return pyarrow.timestamp("us", "UTC")
    if is_.is_date(kind):
        return pyarrow.date32()
    raise Invalid(
        f"The column {field.name!r} is of a type that is not kept ({str(kind)[:40]}).",
        field="data",
        fix="Keep numbers, text, booleans, dates or instants: flatten nested columns, or leave the column out.",
    )
