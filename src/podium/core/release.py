"""The plan that brings a version to an endpoint, and how far it has come."""

import enum

import msgspec

from podium.core.errors import Conflict


class Stage(enum.StrEnum):
    """Where a release stands.

    `waiting`: another release of the endpoint is further on; this one begins when that one ends. `awaiting-approval`:
    the challenger proved itself; people have not yet said yes. `failed`: no scorer takes it.
    """

    WAITING = "waiting"
    SHADOW = "shadow"
    AWAITING_APPROVAL = "awaiting-approval"
    CANARY = "canary"
    CHAMPION = "champion"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"


S = Stage
NEXT: dict[Stage, frozenset[Stage]] = {
    S.WAITING: frozenset({S.SHADOW, S.AWAITING_APPROVAL, S.STOPPED}),
    S.SHADOW: frozenset({S.AWAITING_APPROVAL, S.STOPPED, S.FAILED}),
    S.AWAITING_APPROVAL: frozenset({S.CANARY, S.CHAMPION, S.STOPPED, S.FAILED}),
    S.CANARY: frozenset({S.CHAMPION, S.STOPPED, S.ROLLED_BACK, S.FAILED}),
    S.CHAMPION: frozenset({S.ROLLED_BACK, S.FAILED}),
    S.STOPPED: frozenset(),
    S.ROLLED_BACK: frozenset(),
    S.FAILED: frozenset(),
}
OPEN = frozenset({S.SHADOW, S.AWAITING_APPROVAL, S.CANARY})


class Verdict(enum.StrEnum):
    """What a comparison of challenger and champion on the same rows says."""

    BETTER = "better"
    NOT_WORSE = "not-worse"
    WORSE = "worse"
    NOT_ENOUGH_DATA = "not-enough-data"


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen of one guardrail: not worse (by more than the margin), worse, better, or not enough data."""

    metric: str
    by: str = ""
    """The feature between whose values fairness is measured."""
    margin: float
    verdict: Verdict
    rows: int
    first: float | None = None
    """The champion's figure; lower is better."""
    second: float | None = None
    """The challenger's."""
    difference: float = 0.0
    """By how much the challenger is better."""
    low: float = 0.0
    high: float = 0.0
    confidence: float = 0.95
    """Of the interval: all guardrails together err no more often than one interval of the project's confidence."""
    timed_by: str = ""
    """Of latency: who timed it, the scorers or a worker."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Challenger against champion, paired on the same matured rows. Positive differences favour the challenger."""

    verdict: Verdict
    metric: str
    rows: int
    difference: float
    low: float
    high: float
    confidence: float
    cost_difference: float | None = None
    """Cost saved per row by the challenger."""
    cost_low: float | None = None
    """Between this and the next it lies, as often as one looks. None in comparisons of an older Podium."""
    cost_high: float | None = None
    from_us: int = 0
    to_us: int = 0
    guardrails: tuple[Guarded, ...] = ()


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release of one version to one endpoint."""

    id: str
    project: str
    endpoint: str
    model: str
    version: int
    digest: str
    replaces: int | None
    stage: Stage
    stage_since_us: int
    created_us: int
    created_by: str
    reason: str
    comparison: Comparison | None = None
    note: str = ""


def step(release: Release, to: Stage) -> Stage:
    """The new stage, or `Conflict` when the plan does not allow it."""
    if to not in NEXT[release.stage]:
        allowed = ", ".join(sorted(NEXT[release.stage])) or "nothing"
        raise Conflict(
            f"The release of version {release.version} to {release.endpoint} is at {release.stage} "
            f"and cannot go to {to}.",
            fix=f"From {release.stage} it can go to: {allowed}.",
        )
    return to
