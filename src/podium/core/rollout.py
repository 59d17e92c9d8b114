"""The document a scorer serves from: routes, thresholds, logging; numbered, and signed by the control plane."""

import enum

import msgspec

from podium.core import approval
from podium.core.review import Band


class RouteRole(enum.StrEnum):
    """Champion and canary decide; a shadow only listens."""

    CHAMPION = "champion"
    CANARY = "canary"
    SHADOW = "shadow"


class Durability(enum.StrEnum):
    """`durable`: a prediction is on disk before the answer leaves. `queued`: within a second."""

    DURABLE = "durable"
    QUEUED = "queued"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One version's part in an endpoint. `weight`: share of units decided (champion + canary = 1); 0 for a shadow."""

    role: RouteRole
    version: int
    digest: str
    weight: float
    threshold: float | None
    review: Band | None = None
    """Scores that are referred to a person instead of being decided; the approved bundle's own."""
    approvals: tuple[approval.Approval, ...] = ()
    """Those that let it decide; a shadow needs none. Checked by the scorer itself."""


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint serves, from one instant on."""

    format: int = 1
    """2 where some route refers scores to people: a scorer that does not know how refuses it."""
    project: str
    endpoint: str
    environment: str
    model: str
    number: int
    routes: tuple[Route, ...]
    required: tuple[str, ...]
    """Roles whose yes each deciding route needs (`validator`, `owner`), from the project file."""
    durability: Durability = Durability.DURABLE
    salt: str = ""
    """Mixed into the hash of a row's key that chooses between champion and canary.

    It is the endpoint and the canary's version: units stay put through one canary, also in a rehearsal of it.
    """
    created_us: int

    def route(self, role: RouteRole) -> Route | None:
        return next((route for route in self.routes if route.role is role), None)


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout's exact canonical bytes, with an Ed25519 signature over them (both base64 in JSON)."""

    body: bytes
    signature: bytes
    key_id: str

    def rollout(self) -> Rollout:
        return msgspec.json.decode(self.body, type=Rollout)


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """Which rollout document an endpoint serves from."""

    endpoint: str
    number: int


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """The control plane's Ed25519 public key (32 bytes, base64 in JSON): it verifies rollouts and approvals."""

    key_id: str
    public_key: bytes
