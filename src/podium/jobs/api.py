"""The routes of jobs and schedules."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.datastructures import State
from litestar.params import Parameter

from podium.core import job, time
from podium.core.access import Caller, Permission
from podium.jobs import actions
from podium.jobs import store as rows
from podium.store.store import Store

_JOBS = "/api/v1/projects/{project:str}/jobs"
_SCHEDULES = "/api/v1/projects/{project:str}/schedules"
_READ = {"permission": Permission.READ}
_DEPLOY = {"permission": Permission.DEPLOY}
Limit = Annotated[int, Parameter(ge=1, le=1000)]


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs are running, or queued and due; 0: nothing more happens until somebody acts or time passes."""

    active: int


@get(_JOBS, opt=_READ, sync_to_thread=True)
def list_jobs(  # noqa: PLR0913 - one argument a filter
    store: Store,
    project: str,
    in_state: Annotated[job.JobState | None, Parameter(query="state")] = None,
    kind: str | None = None,
    active: bool = False,  # noqa: FBT001, FBT002 - a query parameter
    after: str | None = None,
    limit: Limit = 100,
) -> list[job.Job]:
    """A project's jobs, newest first."""
    active_at_us = time.to_us(store.clock()) if active else None
    with store.read() as connection:
        return rows.find(
            connection, project, state=in_state, kind=kind, active_at_us=active_at_us, after=after, limit=limit
        )


@get(f"{_JOBS}/idle", opt=_READ, sync_to_thread=True)
def idle(store: Store, project: str) -> Idle:
    """Whether the project's work is done."""
    now_us = time.to_us(store.clock())
    with store.read() as connection:
        return Idle(active=rows.count_active(connection, now_us, project=project))


@get(f"{_JOBS}/{{job_id:str}}", opt=_READ, sync_to_thread=True)
def get_job(store: Store, project: str, job_id: str) -> job.Job:
    """One job."""
    with store.read() as connection:
        return rows.get(connection, project, job_id)


@post(f"{_JOBS}/{{job_id:str}}/cancel", opt=_DEPLOY, sync_to_thread=True, status_code=200)
def cancel_job(store: Store, caller: Caller, project: str, job_id: str) -> job.Job:
    """Ask a job to stop."""
    return actions.cancel(store, caller, project, job_id)


@post(f"{_JOBS}/{{job_id:str}}/retry", opt=_DEPLOY, sync_to_thread=True, status_code=200)
def retry_job(store: Store, caller: Caller, project: str, job_id: str) -> job.Job:
    """Queue a failed or cancelled job again."""
    return actions.retry(store, caller, project, job_id)


@get(_SCHEDULES, opt=_READ, sync_to_thread=True)
def list_schedules(store: Store, project: str, after: str = "", limit: Limit = 100) -> list[job.Schedule]:
    """A project's schedules, by name."""
    with store.read() as connection:
        return rows.list_schedules(connection, project, after=after, limit=limit)


@post(_SCHEDULES, opt=_DEPLOY, sync_to_thread=True)
def create_schedule(
    store: Store, caller: Caller, project: str, data: actions.NewSchedule, state: State
) -> job.Schedule:
    """Add a schedule. The server says in its state, as `schedulable`, which kinds of job people may schedule."""
    allowed: frozenset[str] = state.get("schedulable", frozenset())
    return actions.create_schedule(store, caller, project, data, allowed=allowed)


@delete(f"{_SCHEDULES}/{{name:str}}", opt=_DEPLOY, sync_to_thread=True)
def delete_schedule(store: Store, caller: Caller, project: str, name: str) -> None:
    """Remove a schedule."""
    actions.delete_schedule(store, caller, project, name)


routes = [list_jobs, idle, get_job, cancel_job, retry_job, list_schedules, create_schedule, delete_schedule]
