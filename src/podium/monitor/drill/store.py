"""Rows of drills."""

from sqlalchemy import Column, Connection, Index, String, Table, insert, select

from podium.core import drill
from podium.store import schema

drills = Table(
    "drills",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("body", schema.Struct(drill.Drill), nullable=False),
)
Index("drills_by_endpoint", drills.c.project, drills.c.endpoint, drills.c.id)


def add(connection: Connection, made: drill.Drill) -> None:
    """Insert a drill."""
    connection.execute(insert(drills).values(id=made.id, project=made.project, endpoint=made.endpoint, body=made))


def list_all(connection: Connection, project: str, endpoint: str, limit: int = 20) -> list[drill.Drill]:
    """The endpoint's drills, newest first."""
    query = select(drills.c.body).where(drills.c.project == project, drills.c.endpoint == endpoint)
    return list(connection.execute(query.order_by(drills.c.id.desc()).limit(limit)).scalars())
