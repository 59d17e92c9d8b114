"""A named address that applications score against, in one environment."""

from collections.abc import Sequence
from typing import Any

import msgspec

from podium.core import rollout

LONGEST_REASON = 500


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint serves one model; `rollout` is the number of the rollout document in force (0: none yet)."""

    id: str
    project: str
    name: str
    environment: str
    model: str
    rollout: int
    champion: int | None
    """The version number that decides, if any."""
    created_us: int


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout that a scorer does not take, and why; it goes on with the one before."""

    scorer: str
    number: int
    reason: str
    at_us: int


class Scorer(msgspec.Struct, frozen=True, kw_only=True):
    """What a scorer last said of itself.

    `status["rollouts"]` maps endpoint names to the rollout numbers it serves, `status["refused"]` to what it refuses
    (`number`, `reason`); `status["taken"]`, kept by the control plane, to the highest number that it ever served;
    `status["pace"]` to how long champion (`first`) and challenger (`second`, digests) take (`microseconds`, pairs).
    """

    name: str
    at_us: int
    status: dict[str, Any]

    def serves(self, endpoint: str) -> int | None:
        """The rollout number it serves for an endpoint, if it said so."""
        number = self._said("rollouts", endpoint)
        return number if isinstance(number, int) else None

    def took(self, endpoint: str) -> int:
        """The highest rollout number that it ever served for an endpoint; 0 if none."""
        number = self._said("taken", endpoint)
        return number if isinstance(number, int) else 0

    def refuses(self, endpoint: str) -> Refusal | None:
        """What it refuses for an endpoint, if it said so."""
        said = self._said("refused", endpoint)
        number, reason = (said.get("number"), said.get("reason")) if isinstance(said, dict) else (None, None)
        if not isinstance(number, int) or not isinstance(reason, str):
            return None
        words = "".join(letter for letter in reason if letter.isprintable())[:LONGEST_REASON]
        return Refusal(scorer=self.name, number=number, reason=words, at_us=self.at_us)

    def took_by(self, endpoint: str, challenger: str) -> Sequence[tuple[float, float]]:
        """Milliseconds of single rows by the champion and by the challenger of that digest, timed where it scores."""
        said = self._said("pace", endpoint)
        if not isinstance(said, dict) or said.get("second") != challenger:
            return ()
        pairs = said.get("microseconds")
        try:
            return [(one / 1e3, two / 1e3) for one, two in msgspec.convert(pairs, list[tuple[float, float]])]
        except msgspec.ValidationError:
            return ()

    def _said(self, part: str, endpoint: str) -> Any:
        known = self.status.get(part)
        return known.get(endpoint) if isinstance(known, dict) else None


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """Which rollout a scorer serves for one endpoint, and when it said so."""

    scorer: str
    number: int
    at_us: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint, the rollout in force, and how far its scorers have come."""

    endpoint: Endpoint
    rollout: rollout.Rollout | None
    scorers: tuple[Served, ...]
    settled: bool
    """Every scorer that serves the endpoint has the rollout in force."""
    refused: tuple[Refusal, ...] = ()
    """Scorers that refuse the rollout in force."""
