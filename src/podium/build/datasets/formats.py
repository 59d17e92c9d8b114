"""Read one data file as a table, by its extension."""

from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.feather
import pyarrow.json
import pyarrow.parquet

from podium.core.errors import Invalid

LISTED = "csv, tsv (also .gz), parquet, feather, arrow and jsonl files"
_NULLS = ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL"]
"""What counts as missing in number, date and boolean columns of a csv file; in text columns, only nothing at all."""


def known(path: Path) -> bool:
    """Whether the extension is one that can be read."""
    return suffix_of(path) is not None


def suffix_of(path: Path) -> str | None:
    """The extension that says how to read a file, with `.gz`; None when it is not known."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] == ".gz":
        joined = "".join(suffixes)
        return joined if joined in (".csv.gz", ".tsv.gz") else None
    return suffixes[-1] if suffixes and suffixes[-1] in _READERS else None


def read(path: Path, shown: str | None = None) -> pyarrow.Table:
    """The rows of a file. `shown` names it in messages. `Invalid` when it is empty, damaged or of an unknown kind."""
    shown = shown or str(path)
    suffix = suffix_of(path)
    if suffix is None:
        raise Invalid(f"The kind of {shown} is not known.", field="data.source", fix=f"Podium reads {LISTED}.")
    if path.stat().st_size == 0:
        raise Invalid(f"{shown} is empty.", field="data.source", fix="Write rows into it.")
    try:
        return _READERS[suffix.removesuffix(".gz")](path)
    except PermissionError:
        raise Invalid(f"{shown} may not be read.", field="data.source", fix="Change its permissions.") from None
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as problem:
        said = str(problem).splitlines()[0][:200] if str(problem) else ""
        raise Invalid(f"{shown} cannot be read: {said}", field="data.source", fix="Check that it is whole.") from None


def _csv(path: Path) -> pyarrow.Table:
    return _separated(path, ",")


def _tsv(path: Path) -> pyarrow.Table:
    return _separated(path, "\t")


def _separated(path: Path, delimiter: str) -> pyarrow.Table:
    table = pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(block_size=8 * 1024 * 1024),
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(null_values=_NULLS, strings_can_be_null=False),
    )
    return _empty_to_null(table)


def _empty_to_null(table: pyarrow.Table) -> pyarrow.Table:
    columns = [
        pyarrow.compute.if_else(pyarrow.compute.equal(column, ""), pyarrow.scalar(None, column.type), column)
        if pyarrow.types.is_string(column.type)
        else column
        for column in table.columns
    ]
    return pyarrow.table(columns, names=table.column_names)


def _parquet(path: Path) -> pyarrow.Table:
    with pyarrow.parquet.ParquetFile(path) as file:
        return file.read()


def _feather(path: Path) -> pyarrow.Table:
    return pyarrow.feather.read_table(path)


def _json(path: Path) -> pyarrow.Table:
    return pyarrow.json.read_json(path, read_options=pyarrow.json.ReadOptions(block_size=64 * 1024 * 1024))


_READERS: dict[str, Callable[[Path], pyarrow.Table]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
    ".pq": _parquet,
    ".feather": _feather,
    ".arrow": _feather,
    ".jsonl": _json,
    ".ndjson": _json,
}
