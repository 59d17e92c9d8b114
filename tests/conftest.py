"""What every test may ask for: an empty migrated store on each database, a clock to set, callers by role."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from podium.bundle import signing
from podium.core import access, ids
from podium.store import clock as clocks
from podium.store import migrate
from podium.store.blobs import Blobs
from podium.store.database import Database
from podium.store.store import Store
from tests import postgres

signal.signal(signal.SIGINT, signal.default_int_handler)
"""Tests interrupt processes that they start; one that begins in the background inherits that interrupts are ignored."""


class SetClock:
    """A business clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = datetime(2013, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def caller() -> Callable[..., access.Caller]:
    def make(role: str = "system", name: str | None = None, project: str = "flights") -> access.Caller:
        held = access.Role(role)
        return access.Caller(name=name or f"{role}-person", roles=frozenset({held}), project=project)

    return make


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not postgres.installed():
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed; .ci/run installs it")
        pytest.skip("PostgreSQL is not installed")
    with postgres.server(tmp_path_factory.mktemp("postgres")) as url:
        template = Database(postgres.create(url, "podium_template"))
        migrate.upgrade(template)
        template.close()
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty migrated database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "podium.db")
        yield f"sqlite:///{tmp_path / 'podium.db'}"
        return
    server: str = request.getfixturevalue("postgres_server")
    url = postgres.create(server, postgres.fresh_name(), template="podium_template")
    yield url
    postgres.drop(server, sqlalchemy.make_url(url).database or "")


def _unsynced(connection: Any, _record: Any) -> None:
    """No test cuts the power: commits need not wait for the disk."""
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def make_store(clock: SetClock, tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    """Opens one more store on a database URL, as another process would."""
    opened: list[Store] = []
    key = signing.make()

    def make(url: str) -> Store:
        system = clocks.system()
        database = Database(url)
        if database.dialect == "sqlite":
            sqlalchemy.event.listen(database.engine, "connect", _unsynced)
        made = Store(
            database=database,
            blobs=Blobs(str(tmp_path / "blobs")),
            clock=clock,
            lease_clock=system,
            new_id=lambda prefix: ids.make(prefix, system(), os.urandom(8)),
            signer=lambda body: signing.sign(key, body),
            public_key=signing.public(key),
            key_id=signing.key_id(signing.public(key)),
        )
        opened.append(made)
        return made

    yield make
    for store in opened:
        store.database.close()


@pytest.fixture
def store(database_url: str, make_store: Callable[[str], Store]) -> Store:
    """An empty migrated store; runs each test once a database."""
    return make_store(database_url)
