"""Outcomes: send the truth."""

from collections.abc import Sequence

from podium.client.part import Part
from podium.core import outcome


class Outcomes(Part):
    """Ground truth for predictions."""

    def send(self, endpoint: str, batch: Sequence[outcome.Outcome], *, key: str | None = None) -> outcome.OutcomeBatch:
        """Store outcomes durably. With the same `key`, sending again changes nothing."""
        path = f"{self._base}/endpoints/{endpoint}/outcomes"
        return self._transport.post(path, outcome.OutcomeBatch, batch, key=key)

    def list(self, endpoint: str) -> Sequence[outcome.OutcomeBatch]:
        """Receipts, in the order of receipt."""
        return self._transport.get(f"{self._base}/endpoints/{endpoint}/outcomes", list[outcome.OutcomeBatch])
