"""The leased queue: every change of a job's state, as statements inside somebody's transaction.

A lease belongs to a worker until an instant of the lease clock. Each lease raises the job's fence by one; every later
statement of that worker names the fence, so one that slept past its lease changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement

from podium.core import time
from podium.core.errors import Invalid
from podium.core.job import Job, JobState, Progress
from podium.jobs.store import JOB, jobs, to_job
from podium.store.transaction import Transaction

Kinds: TypeAlias = frozenset[str]
Limits: TypeAlias = Mapping[str, int]
_LIMITS_LOCK = 0x706F6469756D
"""The PostgreSQL advisory lock under which jobs of limited kinds are counted and leased."""


class LeaseLost(Exception):
    """The job was taken over by another worker, or is no longer running: stop, and change nothing."""


class Cancelled(Exception):
    """Somebody asked to cancel the job: stop."""


class Now(msgspec.Struct, frozen=True):
    """The same instant on the two clocks."""

    business_us: int
    lease_us: int


class Pulse(msgspec.Struct, frozen=True):
    """What a heartbeat learned."""

    held: bool
    cancel_requested: bool = False


def enqueue(  # noqa: PLR0913 - a job has that many sides, and all but three have a default
    tx: Transaction,
    kind: str,
    args: dict[str, Any],
    *,
    project: str,
    unique_key: str | None = None,
    priority: int = 0,
    due: datetime | None = None,
    max_attempts: int = 3,
) -> str:
    """Add a job in the transaction that is its reason; its id.

    `unique_key`: within the project one job is ever made for a key, in whatever state it is now; its id is the answer.
    `due`: business time before which it is not run. Higher `priority` first. A worker's death counts as an attempt.
    """
    if max_attempts < 1:
        raise Invalid("A job has at least one attempt.", field="max_attempts", fix="Write 1 or more.")
    values = {
        "id": tx.new_id("job"),
        "project": project,
        "kind": kind,
        "args": args,
        "state": JobState.QUEUED.value,
        "priority": priority,
        "attempt": 0,
        "max_attempts": max_attempts,
        "fence": 0,
        "created_us": tx.now_us,
        "due_us": tx.now_us if due is None else time.to_us(due),
        "progress": 0.0,
        "message": "",
        "cancel_requested": False,
        "unique_key": unique_key,
        "lease_us": 0,
        "retry_us": 0,
        "trace": tx.caller.trace or None,
    }
    dialect = postgresql if tx.connection.dialect.name == "postgresql" else sqlite
    tx.connection.execute(dialect.insert(jobs).values(values).on_conflict_do_nothing(index_elements=_KEY))
    if unique_key is None:
        return str(values["id"])
    same = select(jobs.c.id).where(jobs.c.project == project, jobs.c.unique_key == unique_key)
    return str(tx.connection.execute(same).scalar_one())


_KEY = [jobs.c.project, jobs.c.unique_key]


def waiting(connection: Connection, kinds: Kinds, limits: Limits, now: Now) -> bool:
    """Whether there is something to lease: a look without a lock, so that idle workers disturb nobody."""
    open_kinds = kinds - _full(connection, limits, now)
    return connection.execute(select(jobs.c.id).where(_leasable(open_kinds, now)).limit(1)).first() is not None


def lease(connection: Connection, kinds: Kinds, limits: Limits, now: Now, *, worker: str, until_us: int) -> Job | None:
    """Take the first job in order of priority, then due time: a queued one, or one whose lease ran out."""
    full = _full(connection, limits, now)
    best = select(jobs.c.id, jobs.c.kind).order_by(jobs.c.priority.desc(), jobs.c.due_us, jobs.c.id).limit(1)
    while True:
        query = best.where(_leasable(kinds - full, now)).with_for_update(skip_locked=True)
        row = connection.execute(query).first()
        if row is None:
            return None
        if row.kind in limits:
            _lock_limits(connection)
            full = _full(connection, limits, now)
            if row.kind in full:
                continue
        return _take(connection, row.id, now, worker, until_us)


def _take(connection: Connection, job_id: str, now: Now, worker: str, until_us: int) -> Job:
    taken = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(
            state=JobState.RUNNING.value,
            attempt=jobs.c.attempt + 1,
            fence=jobs.c.fence + 1,
            worker=worker,
            started_us=now.business_us,
            lease_us=until_us,
            progress=0.0,
            message="",
        )
        .returning(*JOB)
    ).one()
    return to_job(taken)


def _leasable(kinds: Kinds, now: Now) -> ColumnElement[bool]:
    ready = and_(
        jobs.c.state == JobState.QUEUED.value, jobs.c.due_us <= now.business_us, jobs.c.retry_us <= now.lease_us
    )
    left = and_(_left(now), jobs.c.attempt < jobs.c.max_attempts, jobs.c.cancel_requested.is_(False))
    return and_(jobs.c.kind.in_(sorted(kinds)), or_(ready, left))


def _left(now: Now) -> ColumnElement[bool]:
    return and_(jobs.c.state == JobState.RUNNING.value, jobs.c.lease_us <= now.lease_us)


def _full(connection: Connection, limits: Limits, now: Now) -> Kinds:
    if not limits:
        return frozenset()
    counted = connection.execute(
        select(jobs.c.kind, func.count().label("running"))
        .where(jobs.c.state == JobState.RUNNING.value, jobs.c.lease_us > now.lease_us, jobs.c.kind.in_(sorted(limits)))
        .group_by(jobs.c.kind)
    )
    running = {row.kind: row.running for row in counted}
    return frozenset(kind for kind, limit in limits.items() if running.get(kind, 0) >= limit)


def _lock_limits(connection: Connection) -> None:
    """Count and lease one at a time. SQLite's write lock does so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LIMITS_LOCK)))


def heartbeat(connection: Connection, job: Job, progress: Progress | None, until_us: int) -> Pulse:
    """Prolong a lease, with the newest progress.

    A row that another transaction holds is passed over and counts as held: it is being finished or cancelled just now.
    """
    row = connection.execute(
        select(jobs.c.fence, jobs.c.state, jobs.c.cancel_requested)
        .where(jobs.c.id == job.id)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return Pulse(held=True)
    if row.fence != job.fence or row.state != JobState.RUNNING.value:
        return Pulse(held=False)
    values: dict[str, Any] = {"lease_us": until_us}
    if progress is not None:
        values |= {"progress": progress.fraction, "message": progress.message}
    connection.execute(update(jobs).where(jobs.c.id == job.id).values(values))
    return Pulse(held=True, cancel_requested=row.cancel_requested)


def hold(connection: Connection, job: Job) -> None:
    """Keep the job's row until the transaction ends. Raises `LeaseLost`, or `Cancelled` when that was asked before."""
    row = connection.execute(
        update(jobs)
        .where(jobs.c.id == job.id, jobs.c.fence == job.fence, jobs.c.state == JobState.RUNNING.value)
        .values(fence=jobs.c.fence)
        .returning(jobs.c.cancel_requested)
    ).first()
    if row is None:
        raise LeaseLost("The job is no longer this worker's.")
    if row.cancel_requested:
        raise Cancelled("The job was cancelled.")


def end(
    connection: Connection,
    job: Job,
    state: JobState,
    now_us: int,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """Bring a leased job to its last state. Raises `LeaseLost`."""
    values: dict[str, Any] = {"state": state.value, "finished_us": now_us, "result": result, "error": error}
    if state is JobState.DONE:
        values["progress"] = 1.0
    _fenced(connection, job, values)


def answer(connection: Connection, job: Job, result: dict[str, Any]) -> None:
    """Keep what the handler returned after it had finished its job itself."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job.id, jobs.c.fence == job.fence, jobs.c.state == JobState.DONE.value)
        .values(result=result)
    )


def retry(connection: Connection, job: Job, error: str, retry_us: int) -> None:
    """Queue a leased job again, not before an instant of the lease clock. Raises `LeaseLost`."""
    _fenced(connection, job, {"state": JobState.QUEUED.value, "error": error, "retry_us": retry_us, "worker": None})


def release(connection: Connection, job: Job) -> None:
    """Give a leased job back, as if this attempt had not been. Raises `LeaseLost`."""
    _fenced(connection, job, {"state": JobState.QUEUED.value, "attempt": job.attempt - 1, "worker": None})


def _fenced(connection: Connection, job: Job, values: Mapping[str, Any]) -> None:
    changed = connection.execute(
        update(jobs)
        .where(jobs.c.id == job.id, jobs.c.fence == job.fence, jobs.c.state == JobState.RUNNING.value)
        .values({**values, "lease_us": 0})
    )
    if changed.rowcount != 1:
        raise LeaseLost("The job is no longer this worker's.")


def abandoned(connection: Connection, now: Now) -> list[Job]:
    """Jobs whose worker let the lease expire and that none may take over: no attempt is left, or cancelled."""
    over = or_(jobs.c.attempt >= jobs.c.max_attempts, jobs.c.cancel_requested.is_(True))
    return [to_job(row) for row in connection.execute(select(*JOB).where(_left(now), over))]


def seize(connection: Connection, job: Job, now: Now) -> None:
    """Hold an abandoned job's row until the transaction ends. Raises `LeaseLost` when its worker came back."""
    changed = connection.execute(
        update(jobs).where(jobs.c.id == job.id, jobs.c.fence == job.fence, _left(now)).values(fence=jobs.c.fence)
    )
    if changed.rowcount != 1:
        raise LeaseLost("The worker came back.")
