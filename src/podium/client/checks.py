"""Checks: what the monitor found."""

from podium.client.part import Part
from podium.core import check, job


class Checks(Part):
    """Measures computed over windows."""

    def list(
        self, endpoint: str, *, kind: str | None = None, state: str | None = None, limit: int = 1000
    ) -> list[check.Check]:
        """Results, newest window first."""
        path = f"{self._base}/endpoints/{endpoint}/checks"
        return self._transport.get(path, list[check.Check], kind=kind, state=state, limit=limit)

    def close_window(self, endpoint: str, end_us: int) -> job.Job:
        """Compute the checks of the window that ends at an instant; once, however often it is asked."""
        path = f"{self._base}/endpoints/{endpoint}/windows"
        return self._transport.post(path, job.Job, {"end_us": end_us}, key=f"window-{endpoint}-{end_us}")
