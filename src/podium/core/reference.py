"""What a model saw in training: per feature bins and counts, and its scores; drift is measured against this."""

import msgspec


class FineBins(msgspec.Struct, frozen=True, kw_only=True):
    """The bins of `podium check`: quantiles ever finer in both tails, or a bin for each of few values."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    sums: tuple[float, ...]


class NumericReference(msgspec.Struct, frozen=True, kw_only=True):
    """Counts per bin. `edges` (ascending, length bins − 1) are quantiles; bin i holds edges[i−1] < x ≤ edges[i]."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    nulls: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    deviation: float | None
    sums: tuple[float, ...] = ()
    """The sum of the values in each bin; empty in references of older versions."""
    dispersion: float = 1.0
    """How much more the bins' shares vary from window to window than by chance (`measures/drift/dispersion.py`)."""
    null_dispersion: float = 1.0
    """The same of the share of nulls."""
    fine: FineBins | None = None
    """The same values on finer bins, among whose edges are all of `edges`; none in references of older versions."""


class CategoryReference(msgspec.Struct, frozen=True, kw_only=True):
    """Counts per category (the 200 most frequent, then `other`). Booleans count as `true` and `false`."""

    counts: dict[str, int]
    other: int
    nulls: int
    dispersion: float = 1.0
    null_dispersion: float = 1.0


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """A rising line from score to how often the target was 1 on the test split; no points: the scores say it."""

    scores: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    """How many rows each point's level rests on."""


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """How numeric columns move together: small enough to keep beside a reference."""

    columns: tuple[str, ...]
    middle: tuple[float, ...]
    width: tuple[float, ...]
    mean: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]
    """Shape [kept][columns], orthonormal."""
    error: float
    """The mean distance of rows that were not used to find the components, in deviations."""
    error_deviation: float
    rows: int
    dispersion: float = 1.0
    """How much more the mean distance varies from window to window than by chance."""


class RowsKept(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows of numeric columns, from which later rows are told apart, and how well those of quiet windows are."""

    columns: tuple[str, ...]
    middle: tuple[float, ...]
    width: tuple[float, ...]
    rows: bytes
    """Shape [rows, columns], a signed byte each: so many twenty-fifths of the column's width from its middle."""
    usual: float = 0.5
    """The area under the curve with which a window's rows are told from the other windows', on average."""
    between: float = 0.0
    """The variance of its normal deviate between windows, beyond chance."""
    windows: int = 0
    """As many windows were looked at; below 3 nothing is known of how they differ."""


class Contributions(msgspec.Struct, frozen=True, kw_only=True):
    """By feature how much it adds to the score of a row, without its sign: over some rows of the test split."""

    rows: int
    means: dict[str, float]
    """In the scale in which contributions add up."""
    deviations: dict[str, float]
    dispersions: dict[str, float] = {}
    """How much more the means of windows vary than by chance; empty where there are too few windows to know."""
    window_rows: float = 0.0
    """Rows of a window on average, at which the dispersions hold."""
    known: float = 0.0
    """With how many degrees of freedom the dispersions are known; 0 in references of older versions."""
    windows: float = 0.0
    """Over how many windows `rows` are spread; 0: not known."""


class ClassReference(msgspec.Struct, frozen=True, kw_only=True):
    """Of a model of several classes, over the test split."""

    labels: tuple[str, ...]
    predicted: CategoryReference
    """How often each class was the most probable one."""
    outcomes: CategoryReference
    """How often each class was the row's."""
    probabilities: dict[str, NumericReference]
    """By class."""
    calibrations: tuple[Calibration, ...]
    """By class, in the order of the labels: how often it was the row's at each of its probabilities."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The reference of a version: features from the training split, scores and metrics from the test split."""

    rows: int
    numeric: dict[str, NumericReference]
    categorical: dict[str, CategoryReference]
    score: NumericReference
    metrics: dict[str, float]
    cost_per_row: float | None
    window_rows: float = 0.0
    """Rows of a window on average, at which the dispersions hold; 0: they were not measured."""
    metric_dispersion: dict[str, float] = {}
    """By metric that is a mean over rows: how much more windows' means vary than by chance."""
    importance: dict[str, float] = {}
    """By feature: the share of its mean absolute contribution to the test split's scores (where contributions are not
    exact: of how far scores move when its values are dealt out anew); empty in references of older versions."""
    pattern: Pattern | None = None
    """Of the numeric features; None with fewer than two, and in references of older versions."""
    apart: RowsKept | None = None
    """Where the project asked for `told_apart` when it was trained."""
    target: NumericReference | None = None
    """Outcomes of the test split; None in references of older versions."""
    contributions: Contributions | None = None
    """None where the bundle has no exact contributions, and in references of older versions."""
    classes: ClassReference | msgspec.UnsetType = msgspec.UNSET
    """Of a model of several classes only; its `score` is the probability of the most probable class."""
    calibration: Calibration | None = None
    """Of a binary model: what performance is estimated from while outcomes are not known."""

    @property
    def of_classes(self) -> ClassReference | None:
        """What is kept of several classes, if there are some."""
        return None if isinstance(self.classes, msgspec.UnsetType) else self.classes
