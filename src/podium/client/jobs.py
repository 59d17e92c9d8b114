"""Jobs: look, wait, cancel, try again; and the schedules that make them."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from podium.client.part import Part
from podium.core import job
from podium.core.errors import Refused, Unavailable

_ENDED = {job.JobState.DONE, job.JobState.FAILED, job.JobState.CANCELLED}
_POLL_S = 0.05
_SLOWEST_POLL_S = 0.5


class _Idle(msgspec.Struct):
    active: int


class Jobs(Part):
    """Background work."""

    def list(
        self, *, state: str | None = None, kind: str | None = None, active: bool = False, limit: int = 100
    ) -> Sequence[job.Job]:
        """Jobs, newest first."""
        path = f"{self._base}/jobs"
        flag = "true" if active else None
        return self._transport.get(path, list[job.Job], state=state, kind=kind, active=flag, limit=limit)

    def get(self, identifier: str) -> job.Job:
        """One job."""
        return self._transport.get(f"{self._base}/jobs/{identifier}", job.Job)

    def cancel(self, identifier: str) -> job.Job:
        """Ask a job to stop; a running one stops at its next report of progress."""
        return self._transport.post(f"{self._base}/jobs/{identifier}/cancel", job.Job)

    def retry(self, identifier: str) -> job.Job:
        """Queue a failed or cancelled job again."""
        return self._transport.post(f"{self._base}/jobs/{identifier}/retry", job.Job)

    def active(self) -> int:
        """How many jobs are running, or waiting and due."""
        return self._transport.get(f"{self._base}/jobs/idle", _Idle).active

    def wait(
        self, identifier: str, *, timeout: float = 3600.0, on_progress: Callable[[float, str], None] | None = None
    ) -> job.Job:
        """Wait until a job has ended. Raises `Refused` with its error if it failed, `Unavailable` after `timeout`."""
        deadline, wait = time.monotonic() + timeout, _POLL_S
        while time.monotonic() < deadline:
            found = self.get(identifier)
            if on_progress is not None:
                on_progress(found.progress, found.message)
            if found.state in _ENDED:
                if found.state is job.JobState.FAILED:
                    raise Refused(found.error or "The job failed.", fix=f"See podium jobs show {identifier}.")
                return found
            time.sleep(wait)
            wait = min(_SLOWEST_POLL_S, wait * 1.3)
        raise Unavailable("The job has not ended in time.", fix="Is a worker running? See podium status.")

    def wait_idle(self, *, timeout: float = 3600.0, on_wait: Callable[[int], None] | None = None) -> None:
        """Wait until nothing runs and nothing is due."""
        deadline, wait = time.monotonic() + timeout, _POLL_S
        while (active := self.active()) > 0:
            if on_wait is not None:
                on_wait(active)
            if time.monotonic() > deadline:
                raise Unavailable(f"{active} jobs have not ended in time.", fix="See podium jobs list --active.")
            time.sleep(wait)
            wait = min(_SLOWEST_POLL_S, wait * 1.3)

    def schedules(self) -> Sequence[job.Schedule]:
        """Cron lines that make jobs."""
        return self._transport.get(f"{self._base}/schedules", list[job.Schedule])

    def schedule(self, name: str, cron: str, kind: str, args: dict[str, Any]) -> job.Schedule:
        """Make a job of a kind each time a cron line is due."""
        body = {"name": name, "cron": cron, "kind": kind, "args": args}
        return self._transport.post(f"{self._base}/schedules", job.Schedule, body)

    def unschedule(self, name: str) -> None:
        """Remove a schedule."""
        self._transport.delete(f"{self._base}/schedules/{name}")
