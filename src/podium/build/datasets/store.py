"""Rows of dataset versions."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
)

from podium.core import dataset
from podium.core.errors import NotFound
from podium.store import schema

versions = Table(
    "dataset_versions",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(71), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("columns", schema.Struct(tuple[dataset.Column, ...]), nullable=False, key="columns_"),
    Column("source", Text, nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("parents", schema.Struct(tuple[str, ...]), nullable=False),
    UniqueConstraint("project", "name", "number", name="dataset_versions_number"),
    UniqueConstraint("project", "name", "digest", name="dataset_versions_content"),
    Index("dataset_versions_by_digest", "project", "digest"),
)


def add(connection: Connection, made: dataset.DatasetVersion) -> None:
    """Insert a version."""
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    connection.execute(insert(versions).values(columns_=fields.pop("columns"), **fields))


def find(connection: Connection, project: str, name: str, digest: str) -> dataset.DatasetVersion | None:
    """The version of that content under that name, if any."""
    row = connection.execute(
        select(versions).where(versions.c.project == project, versions.c.name == name, versions.c.digest == digest)
    ).first()
    return None if row is None else schema.to_struct(row, dataset.DatasetVersion)


def get(connection: Connection, project: str, digest: str) -> dataset.DatasetVersion:
    """The version of that content (the oldest, when several names have it), or `NotFound`."""
    query = select(versions).where(versions.c.project == project, versions.c.digest == digest)
    row = connection.execute(query.order_by(versions.c.id).limit(1)).first()
    if row is None:
        raise NotFound("There is no dataset version of that digest in this project.", field="digest")
    return schema.to_struct(row, dataset.DatasetVersion)


def newest(connection: Connection, project: str, name: str) -> dataset.DatasetVersion:
    """The last version of a dataset, or `NotFound`."""
    query = select(versions).where(versions.c.project == project, versions.c.name == name)
    row = connection.execute(query.order_by(versions.c.number.desc()).limit(1)).first()
    if row is None:
        raise NotFound("There is no dataset of that name in this project.", field="name")
    return schema.to_struct(row, dataset.DatasetVersion)


def find_all(
    connection: Connection, project: str, *, name: str | None = None, after: str | None = None, limit: int = 100
) -> list[dataset.DatasetVersion]:
    """Versions, newest first; `after` is the last id of the page before."""
    query = select(versions).where(versions.c.project == project)
    if name is not None:
        query = query.where(versions.c.name == name)
    if after is not None:
        query = query.where(versions.c.id < after)
    rows = connection.execute(query.order_by(versions.c.id.desc()).limit(limit))
    return [schema.to_struct(row, dataset.DatasetVersion) for row in rows]


def next_number(connection: Connection, project: str, name: str) -> int:
    """The number of the next version of a dataset."""
    query = select(func.max(versions.c.number)).where(versions.c.project == project, versions.c.name == name)
    return int(connection.execute(query).scalar_one() or 0) + 1


def missing(connection: Connection, project: str, digests: tuple[str, ...]) -> set[str]:
    """Those of the digests that no dataset version of the project has."""
    query = select(versions.c.digest).where(versions.c.project == project, versions.c.digest.in_(digests))
    return set(digests) - set(connection.execute(query).scalars())
