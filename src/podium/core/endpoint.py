"""A named address that applications score against, in one environment."""

from typing import Any

import msgspec

from podium.core import rollout


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


class Scorer(msgspec.Struct, frozen=True, kw_only=True):
    """What a scorer last said of itself. `status["rollouts"]` maps endpoint names to the rollout numbers it serves."""

    name: str
    at_us: int
    status: dict[str, Any]

    def serves(self, endpoint: str) -> int | None:
        """The rollout number it serves for an endpoint, if it said so."""
        rollouts = self.status.get("rollouts")
        number = rollouts.get(endpoint) if isinstance(rollouts, dict) else None
        return number if isinstance(number, int) else None


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
