"""A numbered bundle of a model, and the states that it goes through."""

import enum

import msgspec

from podium.core.errors import Conflict


class VersionState(enum.StrEnum):
    CANDIDATE = "candidate"
    VALIDATED = "validated"
    APPROVED = "approved"
    RETIRED = "retired"
    REJECTED = "rejected"


S = VersionState
NEXT: dict[VersionState, frozenset[VersionState]] = {
    S.CANDIDATE: frozenset({S.VALIDATED, S.REJECTED, S.RETIRED}),
    S.VALIDATED: frozenset({S.APPROVED, S.REJECTED, S.RETIRED}),
    S.APPROVED: frozenset({S.RETIRED, S.REJECTED}),
    S.RETIRED: frozenset({S.APPROVED}),
    S.REJECTED: frozenset(),
}
"""A retired version may come back as approved (a rollback) while its approval still holds; a rejected one never."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version. `digest` is its bundle's digest: its identity."""

    id: str
    project: str
    model: str
    number: int
    digest: str
    state: VersionState
    run: str
    dataset: str
    spec_digest: str
    created_us: int
    created_by: str
    gates_passed: bool | None = None
    """None: not yet evaluated."""
    note: str = ""


def step(version: Version, to: VersionState) -> VersionState:
    """The new state, or `Conflict` when the life cycle does not allow it."""
    if to not in NEXT[version.state]:
        allowed = ", ".join(sorted(NEXT[version.state])) or "nothing"
        raise Conflict(
            f"Version {version.number} of {version.model} is {version.state} and cannot become {to}.",
            fix=f"From {version.state} it can become: {allowed}.",
        )
    return to
