"""Predictions: look one up, replay it, read many."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from podium.client.part import Part
from podium.core import explanation, prediction


class Predictions(Part):
    """Scored rows."""

    def get(self, identifier: str) -> Sequence[prediction.Prediction]:
        """The log's rows under an id: what decided first, then shadows, with the outcome if it is known."""
        return self._transport.get(f"{self._base}/predictions/{quote(identifier)}", list[prediction.Prediction])

    def replay(self, identifier: str) -> prediction.Replay:
        """Compute a prediction again from its stored features and its version's bundle."""
        return self._transport.post(f"{self._base}/replays/{quote(identifier)}", prediction.Replay)

    def explain(self, identifier: str) -> explanation.Explanation:
        """What each feature added to a logged prediction's score."""
        return self._transport.post(f"{self._base}/explanations/{quote(identifier)}", explanation.Explanation)

    def replay_sample(self, endpoint: str, number: int = 100, *, seed: int = 0) -> prediction.Replays:
        """Compute a random sample again; `seed` chooses which."""
        body = {"endpoint": endpoint, "number": number, "seed": seed}
        return self._transport.post(f"{self._base}/replays", prediction.Replays, body)

    def arrow(
        self,
        endpoint: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: tuple[str, ...] = (),
        roles: tuple[str, ...] = (),
        limit: int = 1_000_000,
    ) -> bytes:
        """Predictions with their outcomes, oldest first, as an Arrow IPC stream."""
        path = f"{self._base}/endpoints/{endpoint}/predictions"
        query = {
            "from": None if start is None else start.isoformat(),
            "to": None if end is None else end.isoformat(),
            "columns": ",".join(columns) or None,
            "roles": ",".join(roles) or None,
            "limit": limit,
        }
        return self._transport.send("GET", path, query=query).content
