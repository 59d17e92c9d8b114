"""Rows that no model decides: scores within a band go to a person, whose decision then counts."""

import enum

import msgspec


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Scores from `low` (within) to `high` (outside) are referred to a person; others are decided by the threshold."""

    low: float
    high: float

    def refers(self, score: float) -> bool:
        return self.low <= score < self.high


class ReviewState(enum.StrEnum):
    WAITING = "waiting"
    DECIDED = "decided"


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided, before somebody corrected it."""

    decision: bool
    decided_by: str
    decided_us: int
    reason: str


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A referred prediction and, once a person has decided it, who did, when, what and why."""

    id: str
    project: str
    endpoint: str
    model: str
    version: int
    digest: str
    prediction_id: str
    key: str
    at_us: int
    """When it was scored."""
    score: float
    threshold: float
    features: dict[str, bool | int | float | str | None]
    received_us: int
    state: ReviewState = ReviewState.WAITING
    decision: bool | None = None
    """Whether to act."""
    decided_by: str | None = None
    decided_us: int | None = None
    reason: str = ""
    earlier: tuple[Decided, ...] = ()
    """What was decided before and corrected, oldest first."""

    def decided_at(self, at_us: int) -> bool | None:
        """What held at an instant: whether to act, or None while nobody had decided.

        >>> first = Decided(decision=True, decided_by="ana", decided_us=5, reason="storm")
        >>> item = Review(id="r", project="p", endpoint="e", model="m", version=1, digest="d", prediction_id="i",
        ...     key="k", at_us=1, score=0.5, threshold=0.5, features={}, received_us=2, decision=False, decided_us=9,
        ...     earlier=(first,))
        >>> [item.decided_at(at_us) for at_us in (4, 5, 8, 9)]
        [None, True, True, False]
        """
        if self.decided_us is not None and self.decided_us <= at_us:
            return self.decision
        known = [each.decision for each in self.earlier if each.decided_us <= at_us]
        return known[-1] if known else None
