"""A person's signed yes or no on a version's digest for an environment, in a role, until a date."""

import enum

import msgspec

from podium.core.access import Role
from podium.core.version import VersionState


class Decision(enum.StrEnum):
    YES = "yes"
    NO = "no"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """An approval. It binds to the bundle's digest and to `evidence`, the digest of all evidence at that moment."""

    id: str
    project: str
    model: str
    version: int
    digest: str
    evidence: str
    environment: str
    role: Role
    person: str
    decision: Decision
    comment: str
    created_us: int
    expires_us: int
    void: str | None = None
    """Why it no longer holds, if so: the bundle or the evidence changed, or it was withdrawn."""
    signature: str = ""
    """Ed25519 by the control plane over the canonical bytes of the approval with `signature` and `void` empty."""

    def holds(self, now_us: int) -> bool:
        return self.decision is Decision.YES and self.void is None and now_us < self.expires_us


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A version that passed its gates, and the roles whose yes it lacks; `next` says it first."""

    model: str
    version: int
    digest: str
    state: VersionState
    environment: str
    lacks: tuple[str, ...]
    next: str
    since_us: int
    excluded: tuple[str, ...]
    """People who made it, or already said yes in another role, and so cannot."""
    renewal: bool
    """It was approved before; a yes ends soon, has expired or became void."""
