"""The rows of jobs and schedules, read."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    func,
    or_,
    select,
)
from sqlalchemy.sql.elements import ColumnElement

from podium.core.errors import NotFound
from podium.core.job import Job, JobState, Schedule
from podium.store import schema

jobs = Table(
    "jobs",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("args", schema.Struct(dict[str, Any]), nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("created_us", schema.Instant, nullable=False),
    Column("due_us", schema.Instant, nullable=False),
    Column("started_us", schema.Instant),
    Column("finished_us", schema.Instant),
    Column("worker", String(128)),
    Column("progress", Float, nullable=False),
    Column("message", Text, nullable=False),
    Column("result", schema.Struct(dict[str, Any])),
    Column("error", Text),
    Column("cancel_requested", Boolean, nullable=False),
    Column("unique_key", String(256)),
    # These two are instants of the lease clock, which is always the system's; all others are business time.
    Column("lease_us", schema.Instant, nullable=False),
    Column("retry_us", schema.Instant, nullable=False),
    Column("trace", schema.Struct(dict[str, str])),
    Index("jobs_by_key", "project", "unique_key", unique=True),
    Index("jobs_by_state", "state", "due_us"),
    Index("jobs_by_project", "project", "id"),
)
schedules = Table(
    "schedules",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("cron", String(128), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("args", schema.Struct(dict[str, Any]), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("next_us", schema.Instant, nullable=False),
    Column("last_us", schema.Instant),
    Index("schedules_by_name", "project", "name", unique=True),
    Index("schedules_by_next", "next_us"),
)
JOB = [jobs.c[name] for name in Job.__struct_fields__]
SCHEDULE = [schedules.c[name] for name in Schedule.__struct_fields__]


def to_job(row: Row[Any]) -> Job:
    """A row of the columns `JOB`, in their order."""
    return msgspec.convert(dict(zip(Job.__struct_fields__, row, strict=True)), Job)


def _to_schedule(row: Row[Any]) -> Schedule:
    return msgspec.convert(dict(zip(Schedule.__struct_fields__, row, strict=True)), Schedule)


def active(now_us: int) -> ColumnElement[bool]:
    """Running, or queued and due (also when it waits for its next attempt)."""
    return or_(
        jobs.c.state == JobState.RUNNING.value, and_(jobs.c.state == JobState.QUEUED.value, jobs.c.due_us <= now_us)
    )


def get(connection: Connection, project: str, job_id: str, *, lock: bool = False) -> Job:
    """One job of a project; with `lock`, nobody else changes it until the transaction ends. Raises `NotFound`."""
    query = select(*JOB).where(jobs.c.project == project, jobs.c.id == job_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("There is no such job in this project.", field="job")
    return to_job(row)


def find(  # noqa: PLR0913 - each filter has its name
    connection: Connection,
    project: str,
    *,
    state: JobState | None = None,
    kind: str | None = None,
    active_at_us: int | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[Job]:
    """A project's jobs, newest first; `after` is the id of the last one already seen."""
    query = select(*JOB).where(jobs.c.project == project)
    if state is not None:
        query = query.where(jobs.c.state == state.value)
    if kind is not None:
        query = query.where(jobs.c.kind == kind)
    if active_at_us is not None:
        query = query.where(active(active_at_us))
    if after is not None:
        query = query.where(jobs.c.id < after)
    rows = connection.execute(query.order_by(jobs.c.id.desc()).limit(limit))
    return [to_job(row) for row in rows]


def count_active(
    connection: Connection, now_us: int, *, project: str | None = None, kinds: frozenset[str] | None = None
) -> int:
    """How many jobs are running, or queued and due at a business instant."""
    query = select(func.count()).select_from(jobs).where(active(now_us))
    if project is not None:
        query = query.where(jobs.c.project == project)
    if kinds is not None:
        query = query.where(jobs.c.kind.in_(sorted(kinds)))
    return int(connection.execute(query).scalar_one())


def get_schedule(connection: Connection, project: str, name: str, *, lock: bool = False) -> Schedule:
    """One schedule of a project by name. Raises `NotFound`."""
    query = select(*SCHEDULE).where(schedules.c.project == project, schedules.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("There is no such schedule in this project.", field="schedule")
    return _to_schedule(row)


def list_schedules(connection: Connection, project: str, *, after: str = "", limit: int = 100) -> list[Schedule]:
    """A project's schedules by name; `after` is the last name already seen."""
    query = select(*SCHEDULE).where(schedules.c.project == project, schedules.c.name > after)
    return [_to_schedule(row) for row in connection.execute(query.order_by(schedules.c.name).limit(limit))]


def due_schedules(connection: Connection, now_us: int) -> list[Schedule]:
    """The enabled schedules of all projects whose next slot has come."""
    query = select(*SCHEDULE).where(schedules.c.enabled.is_(True), schedules.c.next_us <= now_us)
    return [_to_schedule(row) for row in connection.execute(query.order_by(schedules.c.next_us))]
