"""Rows of what was measured of each closed window's features."""

from collections.abc import Sequence

from sqlalchemy import Column, Connection, Integer, String, Table, insert, select

from podium.core import check, window
from podium.store import schema

measures = Table(
    "window_measures",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("endpoint", String(64), primary_key=True),
    Column("end_us", schema.Instant, primary_key=True, autoincrement=False),
    Column("start_us", schema.Instant, nullable=False),
    Column("version", Integer, nullable=False),
    Column("features", schema.Struct(tuple[check.Measured, ...]), nullable=False),
)


def keep(connection: Connection, project: str, made: check.WindowMeasures) -> None:
    """Insert a window's measures."""
    connection.execute(
        insert(measures).values(
            project=project,
            endpoint=made.endpoint,
            end_us=made.window.end_us,
            start_us=made.window.start_us,
            version=made.version,
            features=made.columns,
        )
    )


def find(connection: Connection, project: str, endpoint: str, end_us: int | None = None) -> check.WindowMeasures | None:
    """The measures of the window that ends at an instant, or of the newest one; None where none were kept."""
    query = select(measures).where(measures.c.project == project, measures.c.endpoint == endpoint)
    if end_us is not None:
        query = query.where(measures.c.end_us == end_us)
    row = connection.execute(query.order_by(measures.c.end_us.desc()).limit(1)).first()
    if row is None:
        return None
    return check.WindowMeasures(
        endpoint=endpoint,
        version=row.version,
        window=window.Window(row.start_us, row.end_us),
        columns=row.features,
    )


def ends(connection: Connection, project: str, endpoint: str, asked: Sequence[int]) -> frozenset[int]:
    """Which of the windows that end at these instants were measured."""
    query = select(measures.c.end_us).where(
        measures.c.project == project, measures.c.endpoint == endpoint, measures.c.end_us.in_(list(asked))
    )
    return frozenset(connection.execute(query).scalars())
