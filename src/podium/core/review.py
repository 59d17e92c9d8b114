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
