"""Rows of trigger decisions: one for each window that closed."""

import msgspec
from sqlalchemy import Boolean, Column, Connection, String, Table, Text, insert, select

from podium.core import trigger
from podium.store import schema

decisions = Table(
    "trigger_decisions",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("endpoint", String(64), primary_key=True),
    Column("end_us", schema.Instant, primary_key=True, autoincrement=False),
    Column("model", String(64), nullable=False),
    Column("at_us", schema.Instant, nullable=False),
    Column("fired", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("trigger_kind", String(32)),
    Column("run", String(64)),
    Column("dataset", String(80)),
)


def add(connection: Connection, made: trigger.Decision) -> None:
    """Insert a decision."""
    fields = msgspec.structs.asdict(made)
    connection.execute(insert(decisions).values(trigger_kind=fields.pop("trigger"), **fields))


def find(connection: Connection, project: str, endpoint: str, end_us: int) -> trigger.Decision | None:
    """What was decided at the end of a window, if anything was."""
    row = connection.execute(
        select(decisions).where(
            decisions.c.project == project, decisions.c.endpoint == endpoint, decisions.c.end_us == end_us
        )
    ).first()
    return None if row is None else _decision(row._asdict())


def of_dataset(connection: Connection, project: str, endpoint: str, digest: str) -> trigger.Decision | None:
    """The newest decision that put together training data of a digest, if one did."""
    query = select(decisions).where(
        decisions.c.project == project, decisions.c.endpoint == endpoint, decisions.c.dataset == digest
    )
    row = connection.execute(query.order_by(decisions.c.end_us.desc()).limit(1)).first()
    return None if row is None else _decision(row._asdict())


def list_all(
    connection: Connection, project: str, endpoint: str, *, before_us: int | None = None, limit: int = 100
) -> list[trigger.Decision]:
    """Decisions, newest first."""
    query = select(decisions).where(decisions.c.project == project, decisions.c.endpoint == endpoint)
    if before_us is not None:
        query = query.where(decisions.c.end_us < before_us)
    rows = connection.execute(query.order_by(decisions.c.end_us.desc()).limit(limit))
    return [_decision(row._asdict()) for row in rows]


def _decision(fields: dict[str, object]) -> trigger.Decision:
    fields = {str(name): value for name, value in fields.items()}
    fields["trigger"] = fields.pop("trigger_kind")
    return msgspec.convert(fields, trigger.Decision)
