"""Rows of endpoints, their rollout documents, and what scorers report."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)

from podium.core import endpoint, rollout
from podium.core import name as names
from podium.core.errors import NotFound
from podium.store import schema

endpoints = Table(
    "endpoints",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("environment", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("rollout", Integer, nullable=False),
    Column("champion", Integer),
    Column("created_us", schema.Instant, nullable=False),
    UniqueConstraint("project", "name", name="endpoints_name"),
    Index("endpoints_by_model", "project", "model"),
)
rollouts = Table(
    "rollouts",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("endpoint", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("created_us", schema.Instant, nullable=False),
)
scorers = Table(
    "scorers",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("at_us", schema.Instant, nullable=False),
    Column("status", schema.Struct(dict[str, Any]), nullable=False),
)


def add(connection: Connection, made: endpoint.Endpoint) -> None:
    """Insert a new endpoint."""
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    connection.execute(insert(endpoints).values(fields))


def find(connection: Connection, project: str, name: str, *, lock: bool = False) -> endpoint.Endpoint | None:
    """The endpoint of that name, if any; with `lock`, nobody else changes what it serves until the transaction ends."""
    query = select(endpoints).where(endpoints.c.project == project, endpoints.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else schema.to_struct(row, endpoint.Endpoint)


def get(connection: Connection, project: str, name: str, *, lock: bool = False) -> endpoint.Endpoint:
    """The endpoint of that name, or `NotFound`."""
    found = find(connection, project, name, lock=lock)
    if found is None:
        known = connection.scalars(select(endpoints.c.name).where(endpoints.c.project == project)).all()
        fix = names.nearest(name, known) if known else "This project has no endpoint yet."
        raise NotFound("There is no endpoint of that name in this project.", field="endpoint", fix=fix)
    return found


def list_all(
    connection: Connection, project: str, *, model: str | None = None, after: str = "", limit: int = 100
) -> list[endpoint.Endpoint]:
    """Endpoints by name, those after a name."""
    query = select(endpoints).where(endpoints.c.project == project, endpoints.c.name > after)
    if model is not None:
        query = query.where(endpoints.c.model == model)
    rows = connection.execute(query.order_by(endpoints.c.name).limit(limit))
    return [schema.to_struct(row, endpoint.Endpoint) for row in rows]


def remove(connection: Connection, project: str, name: str) -> None:
    """Delete an endpoint; its rollout documents stay as history."""
    connection.execute(delete(endpoints).where(endpoints.c.project == project, endpoints.c.name == name))


def serve(connection: Connection, place: endpoint.Endpoint, champion: int | None) -> int:
    """Take the endpoint's next rollout number and say who decides from now on."""
    taken = connection.execute(
        update(endpoints)
        .where(endpoints.c.id == place.id)
        .values(rollout=endpoints.c.rollout + 1, champion=champion)
        .returning(endpoints.c.rollout)
    ).scalar_one_or_none()
    if taken is None:
        raise NotFound("There is no endpoint of that name in this project.", field="endpoint")
    return int(taken)


def keep(connection: Connection, document: rollout.Rollout, signed: rollout.Signed) -> None:
    """Insert a rollout document: its exact bytes and their signature."""
    connection.execute(
        insert(rollouts).values(
            project=document.project,
            endpoint=document.endpoint,
            number=document.number,
            body=signed.body,
            signature=signed.signature,
            key_id=signed.key_id,
            created_us=document.created_us,
        )
    )


def signed(connection: Connection, project: str, name: str, number: int) -> rollout.Signed:
    """A rollout document with its signature, or `NotFound`."""
    row = connection.execute(
        select(rollouts.c.body, rollouts.c.signature, rollouts.c.key_id).where(
            rollouts.c.project == project, rollouts.c.endpoint == name, rollouts.c.number == number
        )
    ).first()
    if row is None:
        raise NotFound(
            "This endpoint has no rollout yet.", field="endpoint", fix="Start a release of an approved version to it."
        )
    return rollout.Signed(body=bytes(row.body), signature=bytes(row.signature), key_id=row.key_id)


def history(
    connection: Connection, project: str, name: str, *, before: int | None = None, limit: int = 100
) -> list[rollout.Rollout]:
    """Rollout documents, newest first, those before a number."""
    query = select(rollouts.c.body).where(rollouts.c.project == project, rollouts.c.endpoint == name)
    if before is not None:
        query = query.where(rollouts.c.number < before)
    rows = connection.execute(query.order_by(rollouts.c.number.desc()).limit(limit))
    return [msgspec.json.decode(bytes(row.body), type=rollout.Rollout) for row in rows]


def last_number(connection: Connection, project: str, name: str) -> int:
    """The largest rollout number that ever stood under this name; 0 when none did."""
    query = select(func.max(rollouts.c.number)).where(rollouts.c.project == project, rollouts.c.endpoint == name)
    return connection.execute(query).scalar() or 0


def in_force(connection: Connection, project: str) -> list[rollout.InForce]:
    """The number of each endpoint's rollout in force, of those that have one."""
    query = (
        select(endpoints.c.name, endpoints.c.rollout)
        .where(endpoints.c.project == project, endpoints.c.rollout > 0)
        .order_by(endpoints.c.name)
    )
    return [rollout.InForce(endpoint=row.name, number=row.rollout) for row in connection.execute(query)]


def report(connection: Connection, project: str, said: endpoint.Scorer) -> None:
    """Keep what a scorer says of itself, in place of what it said before."""
    values = {"at_us": said.at_us, "status": said.status}
    known = connection.execute(
        update(scorers).where(scorers.c.project == project, scorers.c.name == said.name).values(values)
    )
    if known.rowcount == 0:
        connection.execute(insert(scorers).values(project=project, name=said.name, **values))


def list_scorers(connection: Connection, project: str) -> Sequence[endpoint.Scorer]:
    """What each scorer of the project last said."""
    rows = connection.execute(
        select(scorers.c.name, scorers.c.at_us, scorers.c.status)
        .where(scorers.c.project == project)
        .order_by(scorers.c.name)
    )
    return [endpoint.Scorer(name=row.name, at_us=row.at_us, status=row.status) for row in rows]
