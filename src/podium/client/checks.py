"""Checks: what the monitor found."""

from collections.abc import Sequence

import msgspec

from podium.client.part import Part
from podium.core import check, mistakes, time, value
from podium.core import drill as rehearsal


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """The job that closes a window."""

    job: str
    end_us: int


class _Asked(msgspec.Struct):
    job: str


class Checks(Part):
    """Measures computed over windows."""

    def list(self, endpoint: str, *, kind: str | None = None, limit: int = 1000) -> Sequence[check.Check]:
        """Results, newest window first."""
        return self._transport.get(
            f"{self._base}/endpoints/{endpoint}/checks", list[check.Check], kind=kind, limit=limit
        )

    def measures(self, endpoint: str, *, end_us: int | None = None) -> check.WindowMeasures:
        """Each feature of a closed window (the newest) by every measure of `podium check`."""
        return self._transport.get(f"{self._base}/endpoints/{endpoint}/measures", check.WindowMeasures, end_us=end_us)

    def value(self, endpoint: str, *, limit: int = 100) -> Sequence[value.WindowValue]:
        """What the decisions of each closed window were worth, newest first."""
        return self._transport.get(f"{self._base}/endpoints/{endpoint}/value", list[value.WindowValue], limit=limit)

    def mistakes(self, endpoint: str, *, end_us: int | None = None, rows: int = 20) -> mistakes.Mistakes:
        """Where the model erred in a closed window (the newest): rows, features, segments."""
        path = f"{self._base}/endpoints/{endpoint}/mistakes"
        return self._transport.get(path, mistakes.Mistakes, end_us=end_us, rows=rows)

    def windows(self, endpoint: str) -> Sequence[check.ClosedWindow]:
        """Closed windows, newest first."""
        return self._transport.get(f"{self._base}/endpoints/{endpoint}/windows", list[check.ClosedWindow], limit=1000)

    def estimates(self, endpoint: str) -> Sequence[check.Estimates]:
        """How good the estimates without outcomes turned out to be, by version and measure."""
        return self._transport.get(f"{self._base}/endpoints/{endpoint}/estimates", list[check.Estimates])

    def maturity(self, endpoint: str) -> Sequence[check.Maturity]:
        """The share of the last 90 days' predictions whose outcome is known, by age."""
        return self._transport.get(f"{self._base}/endpoints/{endpoint}/maturity", list[check.Maturity])

    def drill(self, endpoint: str, wanted: rehearsal.DrillRequest) -> str:
        """Rehearse the rules on a copy of the endpoint's traffic; the id of the job that does it."""
        return self._transport.post(f"{self._base}/endpoints/{endpoint}/drills", _Asked, wanted).job

    def drills(self, endpoint: str) -> Sequence[rehearsal.Drill]:
        """Drills, newest first."""
        return self._transport.get(f"{self._base}/endpoints/{endpoint}/drills", list[rehearsal.Drill])

    def close_window(self, endpoint: str, end_us: int | None = None) -> Requested:
        """Compute the checks of the window that ends at an instant (now), once, however often it is asked."""
        path = f"{self._base}/endpoints/{endpoint}/windows"
        end = None if end_us is None else time.from_us(end_us).isoformat()
        return self._transport.post(path, Requested, {"end": end})
