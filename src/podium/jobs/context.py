"""What a job's handler is given: its job, the store, progress, and the one transaction that finishes it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import Any

from podium.core import access, job, time
from podium.core.errors import Unavailable
from podium.jobs import queue
from podium.store.store import Store
from podium.store.transaction import Transaction

_LOG = logging.getLogger(__name__)
_QUIET_SECONDS = 0.2
"""Progress is written at most this often; the newest that was held back goes with the next heartbeat."""


class Released(Exception):
    """The worker is stopping: the job goes back to the queue."""


class JobContext:
    """One attempt at a job. `caller` is Podium itself, in the job's project and in the trace of these headers."""

    def __init__(
        self,
        store: Store,
        leased: job.Job,
        lease_seconds: float,
        stopping: threading.Event,
        trace: dict[str, str] | None = None,
    ) -> None:
        self.store = store
        self.job = leased
        self.caller = access.system(leased.project, trace)
        self.finished = False
        self._lease = timedelta(seconds=lease_seconds)
        self._stopping = stopping
        self._newest: job.Progress | None = None
        self._written_at = 0.0
        self._pulse = queue.Pulse(held=True)
        self._finishing = False

    def progress(self, fraction: float, message: str = "") -> None:
        """Say how far along the job is, from 0 to 1, and keep its lease.

        Raises `queue.Cancelled` when that was asked, `queue.LeaseLost` when another worker has the job, and `Released`
        when this worker is stopping: let them pass.
        """
        self._newest = job.Progress(fraction=min(max(fraction, 0.0), 1.0), message=message[:500])
        if self._finishing or self.finished:
            return
        if monotonic() - self._written_at >= _QUIET_SECONDS:
            self.beat()
        if not self._pulse.held:
            raise queue.LeaseLost("The job is no longer this worker's.")
        if self._pulse.cancel_requested:
            raise queue.Cancelled("The job was cancelled.")
        if self._stopping.is_set():
            raise Released("The worker is stopping.")

    def beat(self) -> None:
        """Prolong the lease; a database that does not answer is only logged, as it may well before the lease ends."""
        self._written_at = monotonic()
        until_us = time.to_us(self.store.lease_clock() + self._lease)
        try:
            with self.store.plumbing() as connection:
                self._pulse = queue.heartbeat(connection, self.job, self._newest, until_us)
        except Unavailable as problem:
            _LOG.warning("No heartbeat for %s: %s", self.job.id, problem)

    @contextmanager
    def finishing(
        self, caller: access.Caller | None = None, result: dict[str, Any] | None = None
    ) -> Iterator[Transaction]:
        """The last transaction of the job: its effects, their events and the job's end are kept together or not at all.

        `result` is read when the block ends, so that it may be filled inside. Raises `queue.LeaseLost` when another
        worker has the job, `queue.Cancelled` when that was asked before. Nobody can cancel or take over meanwhile.
        """
        self._finishing = True
        try:
            with self.store.write(caller or self.caller) as tx:
                queue.hold(tx.connection, self.job)
                yield tx
                queue.end(tx.connection, self.job, job.JobState.DONE, tx.now_us, result=result)
            self.finished = True
        finally:
            self._finishing = False
