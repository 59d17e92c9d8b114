"""Rows of alerts: at most one that is not resolved for each endpoint, version and kind."""

import msgspec
from sqlalchemy import Column, Connection, Index, Integer, String, Table, Text, insert, select, text, update

from podium.core import alert
from podium.core.errors import NotFound
from podium.store import schema

alerts = Table(
    "alerts",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("state", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Column("causes", schema.Struct(tuple[str, ...]), nullable=False),
    Column("opened_us", schema.Instant, nullable=False),
    Column("since_us", schema.Instant),
    Column("updated_us", schema.Instant, nullable=False),
    Column("acknowledged_by", String(128)),
    Column("kinds", schema.Struct(tuple[str, ...]), nullable=False, server_default="[]"),
    Column("snoozed_until_us", schema.Instant),
    Column("resolved_us", schema.Instant),
    Column("note", Text, nullable=False),
)
_UNRESOLVED = text("state <> 'resolved'")
Index(
    "alerts_one_open",
    alerts.c.project,
    alerts.c.endpoint,
    alerts.c.version,
    alerts.c.kind,
    unique=True,
    sqlite_where=_UNRESOLVED,
    postgresql_where=_UNRESOLVED,
)


def add(connection: Connection, made: alert.Alert) -> None:
    """Insert a new alert."""
    connection.execute(insert(alerts).values(msgspec.structs.asdict(made)))


def change(connection: Connection, changed: alert.Alert) -> None:
    """Write an alert's state, message, causes and notes."""
    connection.execute(update(alerts).where(alerts.c.id == changed.id).values(msgspec.structs.asdict(changed)))


def get(connection: Connection, project: str, identifier: str, *, lock: bool = False) -> alert.Alert:
    """The alert of that id, or `NotFound`."""
    query = select(alerts).where(alerts.c.project == project, alerts.c.id == identifier)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("There is no alert of that id in this project.", field="alert")
    return schema.to_struct(row, alert.Alert)


def unresolved(connection: Connection, project: str, endpoint: str) -> list[alert.Alert]:
    """The endpoint's alerts that stand, oldest first, held until the transaction ends."""
    query = (
        select(alerts)
        .where(alerts.c.project == project, alerts.c.endpoint == endpoint, _UNRESOLVED)
        .order_by(alerts.c.id)
        .with_for_update()
    )
    return [schema.to_struct(row, alert.Alert) for row in connection.execute(query)]


def list_all(
    connection: Connection,
    project: str,
    *,
    endpoint: str | None = None,
    state: alert.AlertState | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[alert.Alert]:
    """Alerts, newest first, those before an id."""
    query = select(alerts).where(alerts.c.project == project)
    if endpoint is not None:
        query = query.where(alerts.c.endpoint == endpoint)
    if state is not None:
        query = query.where(alerts.c.state == state.value)
    if before is not None:
        query = query.where(alerts.c.id < before)
    rows = connection.execute(query.order_by(alerts.c.id.desc()).limit(limit))
    return [schema.to_struct(row, alert.Alert) for row in rows]
