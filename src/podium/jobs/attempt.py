"""One attempt at a job: run its handler, and settle what came of it."""

import enum
import logging
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection

from podium.core import access, event, time
from podium.core.errors import Conflict, Invalid, NotFound, PodiumError, Refused
from podium.core.job import Job, JobState
from podium.jobs import queue
from podium.jobs.context import JobContext, Released
from podium.store.store import Store

_LOG = logging.getLogger(__name__)
Handler: TypeAlias = Callable[[JobContext], dict[str, Any] | None]
Handlers: TypeAlias = Mapping[str, Handler]
FINAL = (Invalid, Refused, NotFound, Conflict)
"""Errors that another attempt would meet again."""


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait between attempts: doubling, capped, and spread over its upper half."""

    first_seconds: float = 1.0
    longest_seconds: float = 300.0

    def wait(self, attempt: int, random: float) -> timedelta:
        """The wait after an attempt (1 is the first); `random` in [0, 1).

        >>> Backoff().wait(3, 0.0).total_seconds(), Backoff().wait(3, 0.5).total_seconds()
        (2.0, 3.0)
        """
        doubled = self.first_seconds * 2.0 ** min(attempt - 1, 60)
        return timedelta(seconds=min(doubled, self.longest_seconds) * (0.5 + random / 2))


class Ending(enum.StrEnum):
    """How an attempt ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    AGAIN = "again"
    RELEASED = "released"
    LOST = "lost"


def run(context: JobContext, handler: Handler, wait: timedelta) -> Ending:
    """Run a handler to one of: done, cancelled, failed, queued again after `wait`, released, or lost (then nothing)."""
    store, job = context.store, context.job
    try:
        _do(context, handler)
    except queue.LeaseLost:
        _LOG.warning("%s (%s) was taken over by another worker", job.id, job.kind)
        return Ending.LOST
    except queue.Cancelled:
        _settle(context, JobState.CANCELLED, None)
        return Ending.CANCELLED
    except Released:
        _requeue(context, lambda connection: queue.release(connection, job))
        return Ending.RELEASED
    except FINAL as problem:
        _settle(context, JobState.FAILED, str(problem))
        return Ending.FAILED
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - a handler may raise anything; this is the edge
        _LOG.warning("Attempt %s of %s (%s) failed", job.attempt, job.id, job.kind, exc_info=problem)
        if context.finished:
            return Ending.DONE
        if job.attempt >= job.max_attempts:
            _settle(context, JobState.FAILED, _words(problem))
            return Ending.FAILED
        error, retry_us = _words(problem), time.to_us(store.lease_clock() + wait)
        _requeue(context, lambda connection: queue.retry(connection, job, error, retry_us))
        return Ending.AGAIN
    return Ending.DONE


def _do(context: JobContext, handler: Handler) -> None:
    result = handler(context)
    if not context.finished:
        with context.finishing(result=result) as tx:
            tx.record(
                "job.finished",
                event.Subject("job", context.job.id),
                permission=access.Permission.DEPLOY,
                detail={"kind": context.job.kind, "attempt": context.job.attempt},
            )
    elif result is not None:
        with context.store.plumbing() as connection:
            queue.answer(connection, context.job, result)


def _requeue(context: JobContext, change: Callable[[Connection], None]) -> None:
    try:
        with context.store.plumbing() as connection:
            queue.hold(connection, context.job)
            change(connection)
    except queue.Cancelled:
        _settle(context, JobState.CANCELLED, None)


def _settle(context: JobContext, state: JobState, error: str | None) -> None:
    if context.finished:
        _LOG.warning("%s raised after it had finished: %s", context.job.id, error)
        return
    end(context.store, context.job, state, error)


def end(store: Store, job: Job, state: JobState, error: str | None, seized_at: queue.Now | None = None) -> None:
    """Bring a job to `failed` or `cancelled` with its event. Raises `queue.LeaseLost`."""
    with store.write(access.system(job.project, job.trace)) as tx:
        if seized_at is not None:
            queue.seize(tx.connection, job, seized_at)
        queue.end(tx.connection, job, state, tx.now_us, error=error)
        tx.record(
            f"job.{state.value}",
            event.Subject("job", job.id),
            permission=access.Permission.DEPLOY,
            detail={"kind": job.kind, "attempt": job.attempt, "error": error},
        )


def _words(problem: BaseException) -> str:
    if isinstance(problem, PodiumError):
        return str(problem)
    return traceback.format_exception_only(problem)[-1].strip()[:2000]
