"""The review queue: predictions that wait for a person, and deciding them."""

from collections.abc import Sequence

from podium.client.part import Part
from podium.core import review


class Reviews(Part):
    """Referred predictions."""

    def list(
        self, *, endpoint: str | None = None, state: str | None = None, after: str = "", limit: int = 100
    ) -> Sequence[review.Review]:
        """Those referred first come first; `after` is the last id of the page before."""
        return self._transport.get(
            f"{self._base}/reviews",
            list[review.Review],
            endpoint=endpoint,
            state=state,
            after=after or None,
            limit=limit,
        )

    def get(self, identifier: str) -> review.Review:
        """One referred prediction with its features, and what was decided."""
        return self._transport.get(f"{self._base}/reviews/{identifier}", review.Review)

    def decide(self, identifier: str, *, act: bool, reason: str, correct: bool = False) -> review.Review:
        """Decide it; from then on this is the prediction's decision in monitoring.

        `correct`: in place of what was decided before, which stays on record.
        """
        body = {"decision": act, "reason": reason, "correct": correct}
        return self._transport.post(f"{self._base}/reviews/{identifier}/decide", review.Review, body)
