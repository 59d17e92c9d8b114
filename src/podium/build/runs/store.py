"""The rows of runs."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from podium.core.errors import NotFound
from podium.core.run import Code, Environment, Result, Run, RunState
from podium.store import events, schema

runs = Table(
    "runs",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("dataset", String(71), nullable=False),
    Column("spec_digest", String(71), nullable=False),
    Column("params", schema.Struct(dict[str, bool | int | float | str]), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("code", schema.Struct(Code), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("started_us", schema.Instant),
    Column("finished_us", schema.Instant),
    Column("environment", schema.Struct(Environment)),
    Column("result", schema.Struct(Result)),
    Column("error", Text),
    Column("job", String(64)),
    Column("log", String(71)),
    UniqueConstraint("project", "model", "number", name="runs_number"),
    Index("runs_by_project", "project", "id"),
    Index("runs_by_job", "job"),
)
tails = Table(
    "run_tails",
    schema.metadata,
    Column("run", String(64), primary_key=True),
    Column("printed", LargeBinary, nullable=False),
)
"""What open runs have printed so far, the newest of it; the whole is a blob once a run has ended."""
OPEN = (RunState.REQUESTED.value, RunState.RUNNING.value)


def next_number(connection: Connection, project: str, model: str) -> int:
    """The number of the model's next run; nobody else gets it, as the chain's head stays locked until the end."""
    connection.execute(select(events.head.c.id).with_for_update()).all()
    query = select(runs.c.number).where(runs.c.project == project, runs.c.model == model)
    last = connection.execute(query.order_by(runs.c.number.desc()).limit(1)).scalar()
    return 1 + (last or 0)


def add(connection: Connection, made: Run) -> None:
    """Insert a new run."""
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    connection.execute(insert(runs).values(fields | {"state": made.state.value}))


def change(connection: Connection, item: Run, state: RunState, values: Mapping[str, Any]) -> bool:
    """Bring an open run to a state, with other columns; whether it was still open. What it has printed starts anew."""
    connection.execute(delete(tails).where(tails.c.run == item.id))
    changed = connection.execute(
        update(runs)
        .where(runs.c.project == item.project, runs.c.id == item.id, runs.c.state.in_(OPEN))
        .values({**values, "state": state.value})
    )
    return changed.rowcount == 1


def show(connection: Connection, item: Run, printed: bytes) -> None:
    """Keep the newest of what a running run printed."""
    changed = connection.execute(update(tails).where(tails.c.run == item.id).values(printed=printed))
    if not changed.rowcount:
        connection.execute(insert(tails).values(run=item.id, printed=printed))


def shown(connection: Connection, item: Run) -> bytes:
    """The newest of what a running run printed; empty when it has printed nothing, or has ended."""
    found = connection.execute(select(tails.c.printed).where(tails.c.run == item.id)).scalar()
    return bytes(found or b"")


def get(connection: Connection, project: str, run_id: str) -> Run:
    """One run of a project. Raises `NotFound`."""
    row = connection.execute(select(runs).where(runs.c.project == project, runs.c.id == run_id)).first()
    if row is None:
        raise NotFound("There is no such run in this project.", field="run")
    return schema.to_struct(row, Run)


def of_job(connection: Connection, project: str, job: str) -> Run | None:
    """The run that a job last worked on, if any."""
    row = connection.execute(select(runs).where(runs.c.project == project, runs.c.job == job)).first()
    return None if row is None else schema.to_struct(row, Run)


def find(
    connection: Connection,
    project: str,
    *,
    model: str | None = None,
    state: RunState | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[Run]:
    """A project's runs, newest first; `after` is the id of the last one already seen."""
    query = select(runs).where(runs.c.project == project)
    if model is not None:
        query = query.where(runs.c.model == model)
    if state is not None:
        query = query.where(runs.c.state == state.value)
    if after is not None:
        query = query.where(runs.c.id < after)
    rows = connection.execute(query.order_by(runs.c.id.desc()).limit(limit))
    return [schema.to_struct(row, Run) for row in rows]
