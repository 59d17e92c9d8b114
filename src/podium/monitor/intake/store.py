"""Rows of received segments and outcome batches, and of the numbered batches in which they reach the log's tables."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Column, Connection, Index, Integer, String, Table, UniqueConstraint, func, insert, select, update

from podium.core import outcome
from podium.core.errors import Conflict
from podium.store import schema

segments = Table(
    "segments",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("scorer", String(64), nullable=False),
    Column("name", String(128), nullable=False),
    Column("model", String(64), nullable=False),
    Column("digest", String(80), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("from_us", schema.Instant, nullable=False),
    Column("to_us", schema.Instant, nullable=False),
    Column("received_us", schema.Instant, nullable=False),
    Column("batch", Integer),
    UniqueConstraint("project", "scorer", "name"),
)
outcome_batches = Table(
    "outcome_batches",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("digest", String(80), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("received_us", schema.Instant, nullable=False),
    Column("batch", Integer),
    UniqueConstraint("project", "endpoint", "digest"),
)
batches = Table(
    "log_batches",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("log", String(16), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("written", Integer),
    Column("created_us", schema.Instant, nullable=False),
)
"""A batch without `written` (its rows in the table) is not known to be committed; its number says if it is."""
columns = Table(
    "log_columns",
    schema.metadata,
    Column("project", String(64), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("kind", String(16), nullable=False),
)
"""The type of each feature column of a model's log: text, number or boolean, for good."""
Index("segments_waiting", segments.c.project, segments.c.model, segments.c.batch, segments.c.id)
Index("outcome_batches_waiting", outcome_batches.c.project, outcome_batches.c.model, outcome_batches.c.batch)

PREDICTIONS = "predictions"
OUTCOMES = "outcomes"
_SOURCES = {PREDICTIONS: segments, OUTCOMES: outcome_batches}


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt: a scorer's log segment is stored durably."""

    id: str
    project: str
    scorer: str
    name: str
    model: str
    digest: str
    rows: int
    from_us: int
    to_us: int
    received_us: int
    batch: int | None = None


def find_segment(connection: Connection, project: str, scorer: str, name: str) -> Segment | None:
    """The segment that a scorer sent under a name, if any."""
    row = connection.execute(
        select(segments).where(segments.c.project == project, segments.c.scorer == scorer, segments.c.name == name)
    ).first()
    return None if row is None else schema.to_struct(row, Segment)


def list_segments(connection: Connection, project: str, *, after: str = "", limit: int = 100) -> list[Segment]:
    """Segments in the order of receipt."""
    query = select(segments).where(segments.c.project == project, segments.c.id > after)
    return [schema.to_struct(row, Segment) for row in connection.execute(query.order_by(segments.c.id).limit(limit))]


def add_segment(connection: Connection, made: Segment) -> None:
    """Insert a received segment."""
    connection.execute(insert(segments).values(msgspec.structs.asdict(made)))


def find_outcomes(connection: Connection, project: str, endpoint: str, digest: str) -> outcome.OutcomeBatch | None:
    """The batch of outcomes with that content, if any."""
    row = connection.execute(
        select(outcome_batches).where(
            outcome_batches.c.project == project,
            outcome_batches.c.endpoint == endpoint,
            outcome_batches.c.digest == digest,
        )
    ).first()
    return None if row is None else schema.to_struct(row, outcome.OutcomeBatch)


def list_outcomes(
    connection: Connection, project: str, endpoint: str, *, after: str = "", limit: int = 100
) -> list[outcome.OutcomeBatch]:
    """Receipts of outcomes in the order of receipt."""
    query = (
        select(outcome_batches)
        .where(
            outcome_batches.c.project == project,
            outcome_batches.c.endpoint == endpoint,
            outcome_batches.c.id > after,
        )
        .order_by(outcome_batches.c.id)
        .limit(limit)
    )
    return [schema.to_struct(row, outcome.OutcomeBatch) for row in connection.execute(query)]


def add_outcomes(connection: Connection, project: str, model: str, made: outcome.OutcomeBatch) -> None:
    """Insert a received batch of outcomes."""
    connection.execute(insert(outcome_batches).values(project=project, model=model, **msgspec.structs.asdict(made)))


def log_columns(connection: Connection, project: str, model: str) -> dict[str, str]:
    """The feature columns of a model's log and their types."""
    query = select(columns.c.name, columns.c.kind).where(columns.c.project == project, columns.c.model == model)
    return {row.name: row.kind for row in connection.execute(query)}


def settle_columns(connection: Connection, project: str, model: str, kinds: dict[str, str]) -> None:
    """Add new feature columns to a model's log; `Conflict` when one is there with another type."""
    known = log_columns(connection, project, model)
    for name, kind in kinds.items():
        if known.get(name, kind) != kind:
            raise Conflict(
                f"The log holds this feature as {known[name]}, not as {kind}.",
                field=name,
                fix="Give the changed feature a new name.",
            )
    fresh = [{"project": project, "model": model, "name": name, "kind": kinds[name]} for name in kinds.keys() - known]
    if fresh:
        connection.execute(insert(columns), fresh)


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A numbered write to a table of the log: what it brings, in the order of receipt."""

    number: int
    digests: tuple[str, ...]
    endpoints: tuple[str, ...] = ()
    """For outcomes: the endpoint of each digest."""


def open_batches(connection: Connection, project: str, model: str, log: str) -> list[Batch]:
    """The batches that are not known to be committed, in order."""
    rows = connection.execute(
        select(batches.c.number)
        .where(
            batches.c.project == project,
            batches.c.model == model,
            batches.c.log == log,
            batches.c.written.is_(None),
        )
        .order_by(batches.c.number)
    )
    return [_batch(connection, project, model, log, row.number) for row in rows]


def next_batch(
    connection: Connection, project: str, model: str, log: str, *, most_rows: int, now_us: int
) -> Batch | None:
    """Put what waits (up to about that many rows) into the next numbered batch; None when nothing waits."""
    source = _SOURCES[log]
    waiting = connection.execute(
        select(source.c.id, source.c.rows)
        .where(source.c.project == project, source.c.model == model, source.c.batch.is_(None))
        .order_by(source.c.id)
        .limit(500)
    ).all()
    if not waiting:
        return None
    chosen: list[str] = []
    total = 0
    for row in waiting:
        if chosen and total + row.rows > most_rows:
            break
        chosen.append(row.id)
        total += row.rows
    number = reserve(connection, project, model, log, now_us=now_us)
    connection.execute(update(source).where(source.c.id.in_(chosen)).values(batch=number))
    return _batch(connection, project, model, log, number)


def reserve(connection: Connection, project: str, model: str, log: str, *, now_us: int) -> int:
    """Take the next batch number of a table. Two that take it at once meet in the primary key: `Conflict`."""
    last = connection.execute(
        select(func.max(batches.c.number)).where(
            batches.c.project == project, batches.c.model == model, batches.c.log == log
        )
    ).scalar()
    number = (last or 0) + 1
    connection.execute(insert(batches).values(project=project, model=model, log=log, number=number, created_us=now_us))
    return number


def committed(connection: Connection, project: str, model: str, log: str, number: int, written: int) -> None:
    """Say that a batch is in the table."""
    connection.execute(
        update(batches)
        .where(
            batches.c.project == project,
            batches.c.model == model,
            batches.c.log == log,
            batches.c.number == number,
        )
        .values(written=written)
    )


def models_waiting(connection: Connection, project: str) -> list[str]:
    """The models with segments or outcomes that are in no batch yet, by name."""
    found: set[str] = set()
    for source in _SOURCES.values():
        query = select(source.c.model).where(source.c.project == project, source.c.batch.is_(None)).distinct()
        found |= {row.model for row in connection.execute(query)}
    return sorted(found)


def _batch(connection: Connection, project: str, model: str, log: str, number: int) -> Batch:
    source = _SOURCES[log]
    rows: Sequence[object] = connection.execute(
        select(source)
        .where(source.c.project == project, source.c.model == model, source.c.batch == number)
        .order_by(source.c.id)
    ).all()
    return Batch(
        number=number,
        digests=tuple(row.digest for row in rows),  # type: ignore[attr-defined]
        endpoints=tuple(row.endpoint for row in rows) if log == OUTCOMES else (),  # type: ignore[attr-defined]
    )
