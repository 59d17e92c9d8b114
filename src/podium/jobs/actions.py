"""What people do to jobs and schedules."""

from typing import Any

import msgspec
from sqlalchemy import delete, insert, update

from podium.core import access, event, job, name
from podium.core.errors import Conflict, Invalid
from podium.core.job import JobState
from podium.jobs import schedule
from podium.jobs import store as rows
from podium.jobs.store import jobs, schedules
from podium.store.store import Store
from podium.store.transaction import Transaction


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cron line (five fields, UTC) and the job that it makes."""

    name: str
    cron: str
    kind: str
    args: dict[str, Any] = {}
    enabled: bool = True


def cancel(store: Store, caller: access.Caller, project: str, job_id: str) -> job.Job:
    """Cancel a job: at once while it is queued; a running one stops when it next tells its progress."""
    with store.write(caller) as tx:
        found = rows.get(tx.connection, project, job_id, lock=True)
        if found.state is JobState.QUEUED:
            values = {"state": JobState.CANCELLED.value, "cancel_requested": True, "finished_us": tx.now_us}
            return tx.done(_change(tx, found, "job.cancelled", values))
        if found.state is not JobState.RUNNING:
            raise Conflict(f"The job is {found.state.value} and cannot be cancelled any more.", field="job")
        return tx.done(_change(tx, found, "job.cancel-requested", {"cancel_requested": True}))


def retry(store: Store, caller: access.Caller, project: str, job_id: str) -> job.Job:
    """Queue a failed or cancelled job again, with all its attempts."""
    with store.write(caller) as tx:
        found = rows.get(tx.connection, project, job_id, lock=True)
        if found.state not in {JobState.FAILED, JobState.CANCELLED}:
            raise Conflict(
                f"The job is {found.state.value}; only a failed or cancelled one can be retried.", field="job"
            )
        values = {
            "state": JobState.QUEUED.value,
            "attempt": 0,
            "cancel_requested": False,
            "retry_us": 0,
            "error": None,
            "finished_us": None,
            "worker": None,
        }
        return tx.done(_change(tx, found, "job.retried", values))


def _change(tx: Transaction, found: job.Job, kind: str, values: dict[str, Any]) -> job.Job:
    tx.connection.execute(update(jobs).where(jobs.c.id == found.id).values(values))
    subject = event.Subject("job", found.id)
    tx.record(kind, subject, permission=access.Permission.DEPLOY, detail={"kind": found.kind})
    return rows.get(tx.connection, found.project, found.id)


def create_schedule(
    store: Store, caller: access.Caller, project: str, new: NewSchedule, *, allowed: frozenset[str]
) -> job.Schedule:
    """Add a schedule. `allowed`: the kinds that people may schedule, as jobs run with the system's own rights."""
    if new.kind not in allowed:
        raise Invalid(
            "Jobs of this kind cannot be scheduled.",
            field="kind",
            fix=name.nearest(new.kind, allowed) if allowed else "No kind can be scheduled on this server.",
        )
    with store.write(caller) as tx:
        made = job.Schedule(
            id=tx.new_id("schedule"),
            project=project,
            name=name.check(new.name),
            cron=schedule.check(new.cron),
            kind=new.kind,
            args=new.args,
            enabled=new.enabled,
            next_us=schedule.next_us(new.cron, tx.now_us),
        )
        tx.connection.execute(insert(schedules).values(msgspec.structs.asdict(made)))
        _record(tx, "schedule.created", made)
        return tx.done(made)


def delete_schedule(store: Store, caller: access.Caller, project: str, schedule_name: str) -> None:
    """Remove a schedule; jobs that it has made stay."""
    with store.write(caller) as tx:
        found = rows.get_schedule(tx.connection, project, schedule_name, lock=True)
        tx.connection.execute(delete(schedules).where(schedules.c.id == found.id))
        _record(tx, "schedule.deleted", found)
        tx.done(None)


def _record(tx: Transaction, kind: str, about: job.Schedule) -> None:
    tx.record(
        kind,
        event.Subject("schedule", about.id),
        permission=access.Permission.DEPLOY,
        detail={"name": about.name, "kind": about.kind, "cron": about.cron},
    )
