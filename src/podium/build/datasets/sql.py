"""Read the rows of a query from a database that people name by its SQLAlchemy URL."""

from pathlib import Path
from typing import Any

import pyarrow
import sqlalchemy
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from podium.core.errors import Invalid, NotFound, Unavailable, missing_extra

_CHUNK = 50_000


def read(url: str, query: str | None) -> pyarrow.Table:
    """The rows that a query gives, in its order; nothing that it may change is kept.

    Messages never show the URL, which may hold a password.
    """
    if query is None or not query.strip():
        raise Invalid("A database as source needs a query.", field="data.query", fix="For example SELECT * FROM sales.")
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            answer = connection.execution_options(stream_results=True).execute(sqlalchemy.text(query))
            if not answer.returns_rows:
                raise Invalid("The query gives no rows.", field="data.query", fix="Write a SELECT.")
            return _collect(answer)
    except DBAPIError as problem:
        if problem.connection_invalidated or isinstance(problem, sqlalchemy.exc.InterfaceError):
            raise Unavailable("The database does not answer.", field="data.source") from None
        raise Invalid(
            "The database refused the query.", field="data.query", fix=str(problem.orig).splitlines()[0][:200]
        ) from None
    except SQLAlchemyError:
        raise Invalid(
            "The query cannot be run.", field="data.query", fix="Check it in the database's own tool."
        ) from None
    finally:
        engine.dispose()


def _engine(url: str) -> sqlalchemy.Engine:
    wrong = Invalid(
        "This is neither a file nor an address that can be read.",
        field="data.source",
        fix="Write a path, https://…, or a database URL such as postgresql://host/name or sqlite:///file.db.",
    )
    try:
        parsed = sqlalchemy.make_url(url)
        backend = parsed.get_backend_name()
        if backend == "sqlite" and not Path(parsed.database or "").is_file():
            raise NotFound("There is no such SQLite file.", field="data.source", fix="Write sqlite:///path/to/file.db.")
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        return sqlalchemy.create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise wrong from None
    except ModuleNotFoundError as problem:
        if backend == "postgresql":
            raise missing_extra("postgres", "psycopg") from None
        raise Unavailable(
            f"The driver {problem.name!r} of this database is not installed.",
            field="data.source",
            fix=f"Install it: pip install {problem.name}",
        ) from None


def _collect(answer: Any) -> pyarrow.Table:
    names = list(answer.keys())
    tables = []
    while rows := answer.fetchmany(_CHUNK):
        columns = [_array([row[position] for row in rows], name) for position, name in enumerate(names)]
        tables.append(pyarrow.table(columns, names=names))
    if not tables:
        return pyarrow.table({name: pyarrow.nulls(0) for name in names})
    try:
        return pyarrow.concat_tables(tables, promote_options="permissive")
    except pyarrow.ArrowException:
        raise Invalid("A column changes its type from row to row.", field="data.query", fix="Use CAST.") from None


def _array(values: list[Any], name: str) -> pyarrow.Array:
    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowException, OverflowError):
        raise Invalid(
            f"The column {name[:64]!r} mixes types or has one that is not kept.", field="data.query", fix="Use CAST."
        ) from None
