"""Rows of releases; a partial unique index keeps one open release an endpoint."""

from collections.abc import Sequence

from sqlalchemy import Column, Connection, Index, Integer, String, Table, Text, insert, select, text, update

from podium.core import release
from podium.core.errors import NotFound
from podium.store import schema

_OPEN = text("stage IN ('shadow', 'awaiting-approval', 'canary')")
releases = Table(
    "releases",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", String(71), nullable=False),
    Column("replaces", Integer),
    Column("stage", String(32), nullable=False),
    Column("stage_since_us", schema.Instant, nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("comparison", schema.Struct(release.Comparison)),
    Column("note", Text, nullable=False),
    Index("releases_open", "project", "endpoint", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("releases_by_endpoint", "project", "endpoint", "id"),
    Index("releases_by_digest", "project", "digest"),
)


def add(connection: Connection, made: release.Release) -> None:
    """Insert a new release."""
    connection.execute(insert(releases).values(_fields(made)))


def change(connection: Connection, changed: release.Release) -> None:
    """Write a release's stage, comparison and note."""
    connection.execute(update(releases).where(releases.c.id == changed.id).values(_fields(changed)))


def _fields(item: release.Release) -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__struct_fields__}


def get(connection: Connection, project: str, identifier: str) -> release.Release:
    """The release of that id, or `NotFound`."""
    query = select(releases).where(releases.c.project == project, releases.c.id == identifier)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound("There is no release of that id in this project.", field="release")
    return schema.to_struct(row, release.Release)


def open_of(connection: Connection, project: str, endpoint: str) -> release.Release | None:
    """The endpoint's open release, if any."""
    return next(iter(list_all(connection, project, endpoint=endpoint, open_only=True)), None)


def waiting_of(connection: Connection, project: str, endpoint: str) -> release.Release | None:
    """The release that begins when the endpoint's open one ends, if any."""
    query = select(releases).where(
        releases.c.project == project,
        releases.c.endpoint == endpoint,
        releases.c.stage == release.Stage.WAITING.value,
    )
    row = connection.execute(query).first()
    return None if row is None else schema.to_struct(row, release.Release)


def list_all(  # noqa: PLR0913 - the filters of one list
    connection: Connection,
    project: str,
    *,
    endpoint: str | None = None,
    digest: str | None = None,
    open_only: bool = False,
    before: str | None = None,
    limit: int = 100,
) -> Sequence[release.Release]:
    """Releases, newest first, those before an id."""
    query = select(releases).where(releases.c.project == project)
    if endpoint is not None:
        query = query.where(releases.c.endpoint == endpoint)
    if digest is not None:
        query = query.where(releases.c.digest == digest)
    if open_only:
        query = query.where(releases.c.stage.in_(sorted(release.OPEN)))
    if before is not None:
        query = query.where(releases.c.id < before)
    rows = connection.execute(query.order_by(releases.c.id.desc()).limit(limit))
    return [schema.to_struct(row, release.Release) for row in rows]


def made_champion(connection: Connection, project: str, endpoint: str, version: int) -> release.Release | None:
    """The newest release that made a version the endpoint's champion and was not rolled back."""
    query = (
        select(releases)
        .where(
            releases.c.project == project,
            releases.c.endpoint == endpoint,
            releases.c.version == version,
            releases.c.stage == release.Stage.CHAMPION.value,
        )
        .order_by(releases.c.stage_since_us.desc(), releases.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else schema.to_struct(row, release.Release)
