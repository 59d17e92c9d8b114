"""Lineage: what came from what."""

from podium.client.part import Part
from podium.core import lineage


class Lineage(Part):
    """The graph of data, runs, versions, releases and predictions."""

    def trace(self, noun: str, identifier: str, *, direction: str = "both", depth: int = 10) -> lineage.Lineage:
        """What a subject came from (`up`), what came of it (`down`), or both."""
        path = f"{self._base}/lineage/{noun}/{identifier}"
        return self._transport.get(path, lineage.Lineage, direction=direction, depth=depth)
