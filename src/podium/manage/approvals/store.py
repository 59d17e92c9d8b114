"""Rows of approvals."""

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    insert,
    literal,
    not_,
    select,
    update,
)

from podium.core.approval import Approval, Decision
from podium.core.errors import NotFound
from podium.jobs.store import jobs
from podium.manage.policies import store as policies
from podium.store import schema

approvals = Table(
    "approvals",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", String(71), nullable=False),
    Column("evidence", String(71), nullable=False),
    Column("environment", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("person", String(128), nullable=False),
    Column("decision", String(8), nullable=False),
    Column("comment", Text, nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("expires_us", schema.Instant, nullable=False),
    Column("void", Text),
    Column("signature", Text, nullable=False),
    ForeignKeyConstraint(["project", "digest"], ["versions.project", "versions.digest"], name="approvals_version"),
    Index("approvals_by_version", "project", "digest"),
)


def get(connection: Connection, project: str, identifier: str) -> Approval:
    """The approval of that id, or `NotFound`."""
    query = select(approvals).where(approvals.c.project == project, approvals.c.id == identifier)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound("There is no approval of that id in this project.", field="approval")
    return schema.to_struct(row, Approval)


def of_version(connection: Connection, project: str, digest: str) -> list[Approval]:
    """Every yes and no ever given to a bundle, in its order."""
    query = select(approvals).where(approvals.c.project == project, approvals.c.digest == digest)
    rows = connection.execute(query.order_by(approvals.c.created_us, approvals.c.id))
    return [schema.to_struct(row, Approval) for row in rows]


def list_all(
    connection: Connection, project: str, *, model: str | None = None, after: str = "", limit: int = 100
) -> list[Approval]:
    """Approvals in the order they were given; `after` is the last id of the page before."""
    query = select(approvals).where(approvals.c.project == project, approvals.c.id > after)
    if model is not None:
        query = query.where(approvals.c.model == model)
    return [schema.to_struct(row, Approval) for row in connection.execute(query.order_by(approvals.c.id).limit(limit))]


def without_job(connection: Connection, kind: str) -> list[Approval]:
    """The yeses of all projects that are not void and have no job of that kind, by its key: kind and id."""
    planned = select(jobs.c.id).where(
        jobs.c.project == approvals.c.project, jobs.c.unique_key == literal(f"{kind}:") + approvals.c.id
    )
    query = select(approvals).where(
        approvals.c.decision == Decision.YES.value, approvals.c.void.is_(None), not_(planned.exists())
    )
    return [schema.to_struct(row, Approval) for row in connection.execute(query.order_by(approvals.c.id))]


def holding(connection: Connection, *, project: str, digest: str, environment: str, now_us: int) -> list[Approval]:
    """The approvals of a bundle that hold now in an environment: yes, not void, not expired, and given on the evidence
    that is still in force.
    """
    current = policies.digest_of_all(connection, project, digest)
    return [
        item
        for item in of_version(connection, project, digest)
        if item.environment == environment and item.evidence == current and item.holds(now_us)
    ]


def add(connection: Connection, item: Approval) -> None:
    fields = msgspec.structs.asdict(item) | {"role": item.role.value, "decision": item.decision.value}
    connection.execute(insert(approvals).values(**fields))


def set_void(connection: Connection, approval_id: str, why: str) -> None:
    connection.execute(update(approvals).where(approvals.c.id == approval_id).values(void=why))
