"""Approvals: what was said, and what waits for whom."""

from collections.abc import Sequence

from podium.client.part import Part
from podium.core import approval


class Approvals(Part):
    """Signed yes and no."""

    def list(self, model: str | None = None) -> Sequence[approval.Approval]:
        """Every yes and no, in the order they were given."""
        return self._transport.get(f"{self._base}/approvals", list[approval.Approval], model=model, limit=1000)

    def of(self, model: str, number: int) -> Sequence[approval.Approval]:
        """Every yes and no given to a version."""
        path = f"{self._base}/models/{model}/versions/{number}/approvals"
        return self._transport.get(path, list[approval.Approval])

    def pending(self) -> Sequence[approval.Pending]:
        """What waits for whom."""
        return self._transport.get(f"{self._base}/approvals/pending", list[approval.Pending])
