"""A named address that applications score against, in one environment."""

import msgspec


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
