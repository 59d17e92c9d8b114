"""A worker: threads that lease jobs and run them, one thread that keeps the leases, and the upkeep of the queue."""

import logging
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from podium.core import time, trace
from podium.core.errors import PodiumError
from podium.core.job import JobState
from podium.jobs import attempt, queue, schedule, spans
from podium.jobs import store as rows
from podium.jobs.context import JobContext
from podium.store.store import Store

_LOG = logging.getLogger(__name__)
_UPKEEP_SECONDS = 0.5


@dataclass(kw_only=True)
class Worker:
    """Runs the jobs whose kinds have a handler. `limits`: how many of a kind may run at once, over all workers.

    `poll_seconds`: how soon a new job is seen; an idle worker slows down to four times that. `random` gives [0, 1).
    `export`: where the spans of jobs go that were asked for in a sampled trace.
    """

    store: Store
    handlers: attempt.Handlers
    name: str
    limits: queue.Limits = field(default_factory=dict)
    lease_seconds: float = 30.0
    poll_seconds: float = 0.05
    threads: int = 1
    backoff: attempt.Backoff = field(default_factory=attempt.Backoff)
    random: Callable[[], float] = field(default_factory=lambda: random.SystemRandom().random)
    random_bytes: Callable[[int], bytes] = os.urandom
    export: trace.Export | None = None

    def __post_init__(self) -> None:
        self._kinds = frozenset(self.handlers)
        self._held: dict[str, JobContext] = {}
        self._lock = threading.Lock()
        self._woken = threading.Condition()
        self._calls = 0
        self._stopping = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set.

        Then nothing new is leased; a running job that tells its progress goes back to the queue at once, for another
        worker; one that does not is finished.
        """
        self._stopping = stop
        with self._heart():
            lanes = [threading.Thread(target=self._lane, name=f"{self.name}-{n}") for n in range(self.threads)]
            for lane in lanes:
                lane.start()
            while not stop.wait(_UPKEEP_SECONDS):
                self._safely(self._upkeep)
            self.wake()
            for lane in lanes:
                lane.join()

    def run_until_idle(self) -> None:
        """Work in this thread until no job of these kinds is running, or queued and due.

        A job that waits for its next attempt, or that another worker is running, is waited for.
        """
        pause = threading.Event()
        with self._heart():
            while True:
                self._safely(self._upkeep)
                if self._safely(self._one):
                    continue
                now_us = time.to_us(self.store.clock())
                with self.store.read() as connection:
                    if rows.count_active(connection, now_us, kinds=self._kinds) == 0:
                        return
                pause.wait(self.poll_seconds)

    def wake(self) -> None:
        """Look for a job now. Called by whoever knows of a new one in this process."""
        with self._woken:
            self._calls += 1
            self._woken.notify_all()

    def _lane(self) -> None:
        wait, seen = self.poll_seconds, 0
        while not self._stopping.is_set():
            if self._safely(self._one):
                wait = self.poll_seconds
                continue
            with self._woken:
                called = self._calls != seen or self._woken.wait(wait)
                seen = self._calls
            wait = self.poll_seconds if called else min(wait * 2, self.poll_seconds * 4)

    def _one(self) -> bool:
        """Lease a job and run it; whether there was one."""
        now = self._now()
        with self.store.read() as connection:
            if not queue.waiting(connection, self._kinds, self.limits, now):
                return False
        until_us = now.lease_us + round(self.lease_seconds * 1e6)
        with self.store.plumbing() as connection:
            job = queue.lease(connection, self._kinds, self.limits, now, worker=self.name, until_us=until_us)
        if job is None:
            return False
        part = trace.take_part(job.trace or {}, self.random_bytes(trace.RANDOM_BYTES), self.export)
        context = JobContext(self.store, job, self.lease_seconds, self._stopping, part.onward)
        with self._lock:
            self._held[f"{job.id}/{job.fence}"] = context
        try:
            with spans.of(job, part.span, self.export) as span:
                wait = self.backoff.wait(job.attempt, self.random())
                span.ending = attempt.run(context, self.handlers[job.kind], wait)
        except queue.LeaseLost:
            _LOG.warning("%s (%s) was taken over by another worker", job.id, job.kind)
        finally:
            with self._lock:
                del self._held[f"{job.id}/{job.fence}"]
        return True

    def _now(self) -> queue.Now:
        return queue.Now(time.to_us(self.store.clock()), time.to_us(self.store.lease_clock()))

    def _upkeep(self) -> bool:
        """Make the jobs that are scheduled, and end those that died with their worker for the last time."""
        schedule.tick(self.store)
        now = self._now()
        with self.store.read() as connection:
            abandoned = queue.abandoned(connection, now)
        for job in abandoned:
            state = JobState.CANCELLED if job.cancel_requested else JobState.FAILED
            error = None if job.cancel_requested else "The worker died while it ran this job, and no attempt is left."
            try:
                attempt.end(self.store, job, state, error, seized_at=now)
            except queue.LeaseLost:
                continue
        return True

    @contextmanager
    def _heart(self) -> Iterator[None]:
        """Keep the leases of the jobs that run inside the block."""
        over = threading.Event()
        heart = threading.Thread(target=self._beat_until, args=[over], name=f"{self.name}-heart", daemon=True)
        heart.start()
        try:
            yield
        finally:
            over.set()
            heart.join()

    def _beat_until(self, over: threading.Event) -> None:
        while not over.wait(timedelta(seconds=self.lease_seconds / 3).total_seconds()):
            self._safely(self._beat)

    def _beat(self) -> bool:
        with self._lock:
            held = list(self._held.values())
        for context in held:
            context.beat()
        return True

    def _safely(self, step: Callable[[], bool]) -> bool:
        """Do a step; what goes wrong is logged, as a worker outlives a database that is away for a while."""
        try:
            return step()
        except PodiumError as problem:
            _LOG.warning("Worker %s goes on after: %s", self.name, problem)
        except Exception:  # noqa: BLE001 - a process edge
            _LOG.exception("Worker %s goes on after an error", self.name)
        return False
