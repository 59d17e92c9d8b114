"""An answer to one row as text with holes: what a codec's writer says, without asking it for each request."""

from collections.abc import Callable
from operator import itemgetter
from typing import Final

from podium.scoring import request
from podium.scoring.codec import Asked, Codec

_ID: Final = "hole-for-the-id"
_PREDICTION: Final = "hole-for-the-prediction"
_SCORE: Final = 0.512345678901


class Template:
    """The writer's answer for one version and decision; the holes are filled with text that is JSON already."""

    __slots__ = ("_order", "_text")

    def __init__(
        self,
        codec: Codec,
        asked: Asked,
        version: int,
        decision: bool | None,  # noqa: FBT001
        referred: bool | None = None,  # noqa: FBT001
    ) -> None:
        scored = request.Scored(
            request_id=_ID,
            prediction_ids=[_PREDICTION],
            scores=[_SCORE],
            decisions=[decision],
            versions=[version],
            referred=None if referred is None else [referred],
        )
        text = codec.write(scored, asked).body.decode()
        holes = {_ID: 0, _PREDICTION: 1, repr(_SCORE): 2}
        found = sorted((text.index(hole), hole) for hole in holes if hole in text)
        self._order: Callable[[tuple[str, str, str]], object] = itemgetter(*(holes[hole] for _, hole in found))
        text = text.replace("%", "%%")
        for hole in holes:
            text = text.replace(hole, "%s")
        self._text = text

    def fill(self, request_id: str, prediction_id: str, score: str) -> str:
        """The answer."""
        text: str = self._text % self._order((request_id, prediction_id, score))
        return text
