"""The connection to SQLite (write-ahead log, synchronous=FULL) or PostgreSQL: the same code on both."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DataError, DBAPIError, OperationalError

from podium.core.errors import Conflict, Invalid, Unavailable, missing_extra

_BUSY_MS = 30_000


class Database:
    """An engine, and the two kinds of transaction: `read` sees one snapshot, `write` takes the write lock at once."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.dialect = self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with _translated(), self.engine.connect() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with _translated(), self.engine.connect() as connection:
            writing = connection.execution_options(podium_write=True)
            with writing.begin():
                yield writing

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlalchemy.exc.IntegrityError as problem:
        raise Conflict("This is already there, or something still depends on it.", fix="Read it again.") from problem
    except DataError as problem:
        raise Invalid("A value cannot be kept by the database.", fix="Text holds no zero bytes.") from problem
    except OperationalError as problem:
        raise Unavailable("The database does not answer.", fix="Check that it runs and has space.") from problem
    except DBAPIError as problem:
        if problem.connection_invalidated:
            raise Unavailable("The connection to the database was lost.", fix="Try again.") from problem
        raise


def _engine(url: str) -> Engine:
    try:
        parsed = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise Invalid(
            "This is not a database URL.", field="database", fix="For example postgresql://host/name."
        ) from None
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() == "postgresql":
        try:
            return sqlalchemy.create_engine(
                parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=10
            )
        except ModuleNotFoundError:
            raise missing_extra("postgres", "psycopg") from None
    raise Invalid("Podium runs on SQLite and PostgreSQL.", field="database", fix="Use sqlite:///… or postgresql://….")


def _sqlite(url: sqlalchemy.URL) -> Engine:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as problem:
        raise Unavailable(
            f"The folder {path.parent} cannot be written ({problem.strerror}).",
            field="home",
            fix="Choose another folder with PODIUM_HOME, or change its permissions.",
        ) from None
    engine = sqlalchemy.create_engine(url, pool_size=20, connect_args={"timeout": _BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("podium_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine
