"""A throw-away PostgreSQL server for the tests: a real one, in a temporary folder, on a free port."""

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy

from tests import ports


def _binaries() -> Path | None:
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for home in homes:
        if (home / "initdb").exists() and (home / "pg_ctl").exists():
            return home
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def installed() -> bool:
    return _binaries() is not None


def _as_server(command: list[str]) -> None:
    """PostgreSQL refuses to run as root: become its own user then."""
    user = "postgres" if os.geteuid() == 0 else None
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    subprocess.run(
        command, check=True, user=user, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/", env=environment
    )


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start a server; its URL. It stops, and its data goes, at the end."""
    home = _binaries()
    assert home is not None
    data = Path("/tmp") / f"podium-postgres-{secrets.token_hex(4)}"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(data, owner.pw_uid, owner.pw_gid)
    (port,) = ports.free(1)
    try:
        _as_server([str(home / "initdb"), "-D", str(data), "-A", "trust", "-U", "podium", "-E", "UTF8", "--no-sync"])
        options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1 -c max_connections=200 -c shared_buffers=64MB"
        options += " -c fsync=off -c full_page_writes=off"  # no test cuts its power
        _as_server([str(home / "pg_ctl"), "-D", str(data), "-w", "-l", str(data / "log"), "-o", options, "start"])
        try:
            yield f"postgresql://podium@127.0.0.1:{port}/postgres"
        finally:
            _as_server([str(home / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(data, ignore_errors=True)


def fresh_name() -> str:
    return f"podium_{secrets.token_hex(6)}"


def create(url: str, name: str, template: str = "template0") -> str:
    """Make a database; its URL."""
    _execute(url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return sqlalchemy.make_url(url).set(database=name).render_as_string(hide_password=False)


def drop(url: str, name: str) -> None:
    _execute(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _execute(url: str, statement: str) -> None:
    engine = sqlalchemy.create_engine(
        sqlalchemy.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
