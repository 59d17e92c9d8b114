"""Why a score is what it is: what each feature added, from a start that all rows share."""

import enum

import msgspec


class Method(enum.StrEnum):
    """How contributions were found. The first two are exact; `permutations` is an estimate with a standard error."""

    TREES = "trees"
    LINEAR = "linear"
    PERMUTATIONS = "permutations"


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """Explanations of n rows over k features: `base` and a row's `contributions` add up to its `margin`."""

    method: Method
    scale: str
    """In what they add up: `probability`, `log-odds` (the score is 1 / (1 + exp(-margin))), `log` or `target`."""
    features: tuple[str, ...]
    scores: tuple[float, ...]
    base: tuple[float, ...]
    margin: tuple[float, ...]
    contributions: tuple[tuple[float, ...], ...]
    errors: tuple[tuple[float, ...], ...] | None = None
    """The standard error of each contribution, where they are an estimate."""
    labels: tuple[str, ...] | None = None
    """Of several classes: whose probability the row's score is."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why one logged prediction is what it is."""

    prediction_id: str
    endpoint: str
    model: str
    version: int
    digest: str
    method: Method
    scale: str
    score: float
    base: float
    margin: float
    contributions: dict[str, float]
    errors: dict[str, float] | None = None
    values: dict[str, bool | int | float | str | None]
    """The features as they were sent."""
    label: str | None = None
    """Of several classes: whose probability the score is."""
