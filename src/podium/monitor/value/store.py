"""Rows of what each closed window's decisions were worth."""

from sqlalchemy import Column, Connection, Integer, String, Table, insert, select

from podium.core import value
from podium.store import schema

values = Table(
    "window_values",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("endpoint", String(64), primary_key=True),
    Column("end_us", schema.Instant, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("body", schema.Struct(value.WindowValue), nullable=False),
)


def keep(connection: Connection, project: str, made: value.WindowValue) -> None:
    """Insert a window's value."""
    connection.execute(
        insert(values).values(
            project=project, endpoint=made.endpoint, end_us=made.window.end_us, version=made.version, body=made
        )
    )


def list_all(
    connection: Connection, project: str, endpoint: str, *, before_us: int | None = None, limit: int = 100
) -> list[value.WindowValue]:
    """The values of an endpoint's windows, newest first, those that end before an instant."""
    query = select(values.c.body).where(values.c.project == project, values.c.endpoint == endpoint)
    if before_us is not None:
        query = query.where(values.c.end_us < before_us)
    return list(connection.execute(query.order_by(values.c.end_us.desc()).limit(limit)).scalars())
