"""Measures computed over a window and compared with a limit."""

import enum

import msgspec

from podium.core.window import Window


class CheckKind(enum.StrEnum):
    DRIFT = "drift"
    SCORE_DRIFT = "score-drift"
    QUALITY = "quality"
    OUTCOME_DRIFT = "outcome-drift"
    PERFORMANCE = "performance"
    COST = "cost"
    FAIRNESS = "fairness"
    SEGMENT = "segment"
    ESTIMATED = "estimated"
    """Performance, estimated without outcomes."""
    EXPLANATION = "explanation"
    """What features add to the scores."""


class CheckState(enum.StrEnum):
    OK = "ok"
    BROKEN = "broken"
    NOT_ENOUGH_DATA = "not-enough-data"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check's result for one version in one window."""

    id: str
    project: str
    endpoint: str
    version: int
    window: Window
    kind: CheckKind
    measure: str
    """psi, missing_rate, new_categories, log_loss, cost_per_row, …"""
    column: str | None
    value: float | None
    reference: float | None
    limit: float
    rows: int
    state: CheckState
    low: float | None = None
    high: float | None = None
    weight: float | None = None
    """The share of the feature in what all features add to the model's scores; None where that is not known."""
    said: str = ""
    """What changed in the column, in words from the data."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A feature, or the score, in a window against the reference: what `podium check` measures on the same rows."""

    column: str | None
    """None: the score."""
    kind: str
    """numeric or category; outcome: the outcomes that are known."""
    rows: int
    """Rows with a value."""
    measures: dict[str, float]
    """psi, jensen_shannon, hellinger, chi_square, ks, wasserstein, missing_now, contribution_share_now, …; without what
    cannot be computed, or was not asked for."""
    said: str = ""
    """What changed, in words; also whether the unit did."""
    lacking: str = ""
    """Why some measures are not there."""


class WindowMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """All features of a closed window, measured."""

    endpoint: str
    version: int
    window: Window
    columns: tuple[Measured, ...]


class ClosedWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A window that was closed: what it held for the champion's version, and how its checks came out."""

    id: str
    project: str
    endpoint: str
    model: str
    version: int | None
    """The champion when it was closed; None where nothing decided."""
    start_us: int
    end_us: int
    closed_us: int
    rows: int
    matured: int
    """Rows whose outcome was known at the end of the window."""
    checks: int
    broken: int


class Estimates(msgspec.Struct, frozen=True, kw_only=True):
    """How good a version's estimates without outcomes turned out to be."""

    endpoint: str
    version: int
    measure: str
    windows: int
    """In which there was an estimate, and later a measured figure."""
    bias: float
    """The mean of estimated less measured, in the measure's unit."""
    error: float
    """The mean of its size."""
    constant: float
    """The same if training's figure had been the estimate of every window."""
    held: float
    """The share of windows whose interval held the measured figure."""


class Maturity(msgspec.Struct, frozen=True, kw_only=True):
    """The share of an endpoint's predictions whose outcome is known at an age."""

    endpoint: str
    age_hours: int
    share: float
    low: float
    high: float
    rows: int
    """Predictions that were so old, and had no outcome just before."""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One version's day at an endpoint, in numbers; `losses` are means over the rows whose outcome is known."""

    endpoint: str
    version: int
    day: str
    rows: int
    matured: int
    mean_score: float | None
    positive_rate: float | None
    losses: dict[str, float]
    """log_loss, brier and cost_per_row, or mae and mean_squared_error; of several classes accuracy, too."""
    auc: float | None
    missing: dict[str, int]
    """Nulls by feature, of those that have any."""
    means: dict[str, float]
    """By numeric feature."""
