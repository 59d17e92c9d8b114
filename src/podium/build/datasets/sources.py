"""Read rows from where people have them: files, folders, globs, URLs, databases, data frames.

Only client processes read sources: what the server gets are Parquet bytes.
"""

import glob
import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyarrow

from podium.build.datasets import formats, sql
from podium.core import name as names
from podium.core.errors import Invalid, NotFound, Unavailable

_WEB = ("http://", "https://")
_GLOB = re.compile(r"[*?\[]")
_TIMEOUT = httpx.Timeout(60, connect=10)


def read(source: str | Path, query: str | None = None) -> pyarrow.Table:
    """All rows of a source, in its order; the files of a folder or glob by name.

    `source`: a file, folder, glob or http(s) URL of csv, tsv, parquet, feather or jsonl; or, with `query`, a database's
    SQLAlchemy URL. Raises `NotFound`, `Invalid` for what cannot be read or holds no rows, `Unavailable` for a server
    that does not answer or a driver that is not installed.
    """
    where = str(source)
    if "://" in where and not where.startswith(_WEB):
        table = sql.read(where, query)
    elif query is not None:
        raise Invalid("A query needs a database's URL as source.", field="data.query", fix="Leave the query out.")
    else:
        table = _download(where) if where.startswith(_WEB) else _read_files(where)
    if table.num_rows == 0:
        raise Invalid("The source holds no rows.", field="data.source", fix="Check the file or the query.")
    return table


def from_frame(frame: Any) -> pyarrow.Table:
    """The rows of a pandas DataFrame, without its index; of any other data frame that speaks Arrow."""
    if hasattr(frame, "__arrow_c_stream__") and not hasattr(frame, "iloc"):
        return pyarrow.table(frame)
    try:
        return pyarrow.Table.from_pandas(frame, preserve_index=False)
    except (pyarrow.ArrowException, TypeError, ValueError, AttributeError) as problem:
        raise Invalid(
            "This data frame cannot be read as columns of one type each.", field="data", fix=str(problem)[:200]
        ) from None


def describe(source: str | Path) -> str:
    """The source in words that may be kept: of an address, neither the user nor the password nor the parameters."""
    where = str(source)
    if "://" not in where:
        return where
    try:
        parts = urlsplit(where)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return where.partition("://")[0]
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def _read_files(where: str) -> pyarrow.Table:
    found = files(where)
    tables = [formats.read(path) for path in found]
    if len(tables) == 1:
        return tables[0]
    wrong = next((path for path, table in zip(found, tables, strict=True) if _differs(table, tables[0])), None)
    if wrong is not None:
        raise Invalid(
            f"{wrong} and {found[0]} have different columns.", field="data.source", fix="Give files of one kind of row."
        )
    ordered = [table.select(tables[0].column_names) for table in tables]
    try:
        return pyarrow.concat_tables(ordered, promote_options="permissive")
    except pyarrow.ArrowException:
        raise Invalid(
            f"The files of {where} have columns of the same name and different types.",
            field="data.source",
            fix="Write them as Parquet with the same types.",
        ) from None


def _differs(table: pyarrow.Table, first: pyarrow.Table) -> bool:
    return sorted(table.column_names) != sorted(first.column_names)


def files(where: str) -> list[Path]:
    """The files that a path, a folder or a glob means, by name. `NotFound` names what is near."""
    path = Path(where)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [each for each in sorted(path.iterdir()) if each.is_file() and formats.known(each)]
        fix = f"Podium reads {formats.LISTED}."
        missing = f"The folder {where} holds no file that can be read."
    elif _GLOB.search(where):
        found = [Path(each) for each in sorted(glob.glob(where, recursive=True)) if Path(each).is_file()]  # noqa: PTH207
        missing, fix = f"No file matches {where}.", _near(Path(where).parent, Path(where).name)
    else:
        found, missing, fix = [], f"There is no file {where}.", _near(path.parent, path.name)
    if not found:
        raise NotFound(missing, field="data.source", fix=fix)
    return found


def _near(folder: Path, wanted: str) -> str:
    if not folder.is_dir():
        return f"There is no folder {folder} either."
    there = [each.name for each in sorted(folder.iterdir()) if formats.known(each)][:20]
    return names.nearest(wanted, there) if there else f"The folder {folder.resolve()} holds no data file."


def _download(url: str) -> pyarrow.Table:
    suffix = formats.suffix_of(Path(urlsplit(url).path))
    shown = describe(url)
    if suffix is None:
        raise Invalid(f"The kind of {shown} is not known.", field="data.source", fix=f"Podium reads {formats.LISTED}.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"download{suffix}"
        try:
            with httpx.stream("GET", url, follow_redirects=True, timeout=_TIMEOUT) as answer, path.open("wb") as file:
                answer.raise_for_status()
                for chunk in answer.iter_bytes():
                    file.write(chunk)
        except httpx.HTTPStatusError as problem:
            code = problem.response.status_code
            raise NotFound(f"{shown} answered {code}.", field="data.source", fix="Check the address.") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise Unavailable(f"{shown} does not answer.", field="data.source", fix="Check the address.") from None
        return formats.read(path, shown)
