"""One scored row, as the prediction log keeps it."""

import msgspec

COLUMNS = (
    "prediction_id",
    "request_id",
    "at",
    "endpoint",
    "model",
    "version",
    "digest",
    "role",
    "rollout",
    "key",
    "score",
    "threshold",
    "decision",
)
"""The columns of a log segment before the features, which follow under the prefix below, in the signature's order.

Types: prediction_id, request_id, endpoint, model, digest, role, key: string; at: timestamp[us, UTC]; version, rollout:
int64; score, threshold: float64; decision: bool (null without threshold, and where a person is to decide). Of several
classes the score is that of the most probable one; behind the features comes the probability of each, float64, under
`class_rules.PROBABILITY` and its label.
"""
FEATURE_PREFIX = "f."


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction, with its features as they were sent."""

    prediction_id: str
    request_id: str
    at_us: int
    endpoint: str
    model: str
    version: int
    digest: str
    role: str
    rollout: int
    key: str
    score: float
    threshold: float | None
    decision: bool | None
    features: dict[str, bool | int | float | str | None]
    outcome: float | str | None = None
    """Of several classes: the label."""
    referred: bool = False
    """Whether a person decides it, as the score lies in the version's band."""
    label: str | None = None
    """Of several classes: the most probable one, whose probability the score is."""
    probabilities: dict[str, float] = {}
    """Of several classes: each one's."""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction computed again from its stored features and its version's bundle."""

    prediction_id: str
    version: int
    digest: str
    logged: float
    replayed: float
    identical: bool


class Replays(msgspec.Struct, frozen=True, kw_only=True):
    """How many predictions were replayed, how many came out identical, and each that did not."""

    replayed: int
    identical: int
    different: list[Replay]
