"""The project file's content: everything about a model that a person decides, as written in `podium.toml`."""

from typing import Literal

import msgspec

from podium.core.signature import Task

NO_TRAINING = "none"
"""The value of `train` where versions are only imported."""


class ModelPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[model]`: the inventory entry."""

    name: str
    """The model's name in the inventory."""
    purpose: str
    """What the score says, in a sentence."""
    owner: str
    """Who answers for the model."""
    decision: str
    """What is done when the score is at or above the threshold."""
    risk_tier: Literal["low", "medium", "high"]
    """How much harm a wrong decision does."""
    kpi: str
    """The number of the business that the model should move."""
    task: Task = Task.BINARY
    """`binary`: the probability that the target is 1; `regression`: a number; `multiclass`: a probability for each of
    `classes`."""
    classes: tuple[str, ...] = ()
    """Of a multiclass model: the target's values, as text (3 is "3"), in the order in which they are told. They are the
    model's for good."""


class DataPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[data]`: where rows come from, and which columns play a part. `source`: a file, folder, glob or URL."""

    source: str
    """A file, folder, glob or URL (csv, parquet, feather, jsonl), relative to the project file; or a database URL."""
    key: str
    """The column that identifies a row."""
    time: str
    """The column that says when the row's features were known."""
    target: str
    """The column that is predicted; never a feature."""
    query: str | None = None
    """With a database URL as `source`: the SQL that gives the rows."""


class SplitPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[split]`: by `hash` of the column `key` (default: the data's key), or by `time` (the last rows are the test)."""

    by: Literal["hash", "time"] = "hash"
    """`hash`: by the hash of a key, the same for ever; `time`: the last rows are the test."""
    key: str | None = None
    """The column whose hash decides; the data's key by default."""
    validation: float = 0.15
    """The share of rows that choose the threshold."""
    test: float = 0.15
    """The share of rows that measure."""
    salt: str = "podium"
    """Mixed into the hash; another salt gives another split."""


class FeaturesPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[features]`: columns given to the model, by type."""

    numeric: tuple[str, ...] = ()
    """Columns of real numbers."""
    integer: tuple[str, ...] = ()
    """Columns of whole numbers."""
    categorical: tuple[str, ...] = ()
    """Columns of text."""
    boolean: tuple[str, ...] = ()
    """Columns of true and false."""

    def names(self) -> tuple[str, ...]:
        return self.numeric + self.integer + self.categorical + self.boolean


class MetricsPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[metrics]`: what is measured on the test split; the primary one decides between versions."""

    primary: str = "log_loss"
    """The metric that decides between versions."""
    report: tuple[str, ...] = ("auc", "log_loss", "brier")
    """Metrics that are measured and kept."""
    slices: tuple[str, ...] = ()
    """Columns by whose values the metrics are measured too."""
    fairness: tuple[str, ...] = ()
    """`demographic_parity`, `equal_opportunity`, `equalised_odds`, `calibration`: the widest gap between the values of
    each column in `slices`, for gates: `fairness.equalised_odds.sex.high < 0.1`."""
    confidence: float = 0.95
    """The level of each metric's interval."""


class CostsPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[costs]`: what a decision costs, in one unit. The threshold is chosen from these on the validation split."""

    false_positive: float = 1.0
    """Acting where there was no reason."""
    false_negative: float = 1.0
    """Not acting where there was reason."""
    true_positive: float = 0.0
    """Acting rightly; a gain is negative."""
    true_negative: float = 0.0
    """Rightly not acting."""
    unit: str = "cost"
    """The unit of all four, for people."""


class BaselinePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[baseline]`: the rule that would decide without a model, and that the model's value is measured against.

    It acts where one feature is at least (or below) a number, or one of some words. Without the part it is the better
    of never and always acting.
    """

    feature: str
    """The feature that it looks at. Rows without a value are not acted on."""
    at_least: float | None = None
    """Of a number: act from here on."""
    below: float | None = None
    """Of a number: act below."""
    one_of: tuple[str, ...] = ()
    """Of a text: act on these."""


class ReviewPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[review]`: which scores no model decides; a person does. Either `cost`, or `low` and `high`."""

    cost: float | None = None
    """What a person's look at a row costs, in the unit of `[costs]`: the band that costs least is chosen from it."""
    low: float | None = None
    """Scores from here on are referred to a person,"""
    high: float | None = None
    """up to but without here. Outside of the band the threshold decides."""


class GatePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[gates]]`: a CEL expression over evidence that must be true."""

    name: str
    """The gate's name, unique in the file."""
    expression: str
    """What must hold, in CEL over the evidence."""


class TrainingPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[training]`: what the training function may use besides its data."""

    network: bool = False
    """Whether it may open sockets. Where not, the operating system refuses them (on Linux; a run says whether)."""


class ApprovalsPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[approvals]`: who must say yes before production, and for how long the yes holds."""

    required: tuple[Literal["validator", "owner"], ...] = ("validator", "owner")
    """The roles whose yes a version needs before it decides, each by another person."""
    valid_for: str = "365d"
    """How long a yes holds."""
    remind_before: str = "14d"
    """So long before a yes ends, people are told and may say it again; at most half of the time that it holds."""


class ShadowPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[release.shadow]`: how long a challenger only listens, and on how many matured rows it is judged."""

    min_duration: str = "7d"
    """It listens at least so long."""
    max_duration: str = "21d"
    """Not proven after so long, the release stops."""
    min_rows: int = 1000
    """It is judged on at least so many rows whose outcome is known."""


class CanaryPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[release.canary]`: the share of units (by hash of the row's key) that the challenger decides; for how long."""

    weight: float = 0.2
    """The share that the canary decides."""
    min_duration: str = "7d"
    """It decides at least so long before it becomes champion."""


class GuardrailPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[release.guardrails]]`: what a challenger may not make worse than the champion by more than a margin.

    Before people are asked it must be shown, on the shadow's rows, that the margin is kept; a challenger that surely
    breaks it is stopped, as a canary rolled back. May be looked at after every window.
    """

    metric: str
    """`latency` (a row's scoring, in milliseconds), `calibration` (mean gap between scores and rates), `cost_per_row`,
    another metric that is a mean over rows, or with `by` a measure of fairness."""
    margin: float
    """By how much it may be worse, in the metric's unit; above 0."""
    by: str = ""
    """For fairness: the feature between whose values the gap is measured."""


class BundlePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[bundle]`: which kinds of model may become versions, besides `onnx`, which always may."""

    allow: tuple[Literal["treelite", "python", "r", "pmml", "external"], ...] = ("treelite",)
    """`treelite` and `pmml` are data (`pmml` brings in Java and JPMML). `python` and `r` are code, run in a process
    without network; `external` is an HTTP service of somebody else, to whom the rows are sent."""


class ReleasePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[release]`: where the model serves and how a new version gets there."""

    endpoint: str
    """The endpoint's name; it is made when the first version passes its gates."""
    environment: str = "production"
    """The environment of the endpoint, for which approvals are given."""
    automatic: bool = True
    """Start a release by itself when a version has passed its gates. People still validate and approve."""
    require: Literal["better", "not-worse"] = "better"
    """What a challenger must be proven to be before people are asked."""
    margin: float = 0.0
    """By how much it must be better, or may be worse, in units of the primary metric."""
    shadow: ShadowPart = ShadowPart()
    """See `[release.shadow]`."""
    canary: CanaryPart = CanaryPart()
    """See `[release.canary]`."""
    guardrails: tuple[GuardrailPart, ...] = ()
    """See `[[release.guardrails]]`."""


class MonitorPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[monitor]`: the window and the limits. A limit set to 0 switches its check off."""

    window: str = "7d"
    """The length of a window."""
    min_rows: int = 500
    """A check on fewer rows says `not-enough-data`."""
    drift_psi: float = 0.2
    """Largest tolerated drift of a feature against training (PSI, corrected for sample size)."""
    score_psi: float = 0.2
    """Largest tolerated drift of the scores against training (PSI)."""
    missing_rate: float = 0.1
    """Largest tolerated rise of a feature's share of nulls."""
    new_categories: float = 0.01
    """Largest tolerated share of rows with a category that training never saw."""
    performance_drop: float = 0.05
    """Largest tolerated relative worsening of the primary metric against the test split of training."""
    cost_rise: float = 0.25
    """Largest tolerated relative rise of cost per row against the test split of training."""
    metrics: tuple[str, ...] = ()
    """Reported metrics that are checked like the primary one."""
    label_window: str = "0d"
    """How long it takes until outcomes are complete. Checks of outcomes look at rows so much older than the window's,
    with all that is known at its end; 0d: at the window's rows whose outcome is known."""
    label_selection: float = 0.2
    """With a `label_window`: largest tolerated difference in the share of rows with an outcome, between high and low
    scores. Above it, outcomes are selective, and what is measured on them need not hold for all rows."""
    fairness: tuple[str, ...] = ()
    """`demographic_parity`, `equal_opportunity`, `equalised_odds`, `calibration`: checked between groups."""
    groups: tuple[str, ...] = ()
    """Features (not `numeric`) by whose values fairness is checked. Groups under 100 rows are left out."""
    fairness_gap: float = 0.1
    """Largest tolerated difference between the groups' highest and lowest value."""
    segment_excess: float = 0.0
    """Largest tolerated relative excess of loss in a segment over all other rows. Segments of one or two features are
    searched by themselves. Off by default."""
    drift_moved: float = 0.0
    """Largest tolerated share of rows that moved in a feature (Kolmogorov-Smirnov; total variation of categories), the
    effect that `podium check` measures. Off by default."""
    out_of_range: float = 0.0
    """Largest tolerated share of rows outside the range that training saw. Off by default."""
    vanished: float = 0.0
    """Largest tolerated share that categories had which do not come any more. Off by default."""
    weighted_psi: float = 0.0
    """Largest tolerated drift of all features together (the mean of their PSI, each weighted by its share in the
    scores). Off by default."""
    pattern_moved: float = 0.0
    """Largest tolerated change of how far rows are from the pattern in which numeric features move together (principal
    components), as a share of it: finds columns that were swapped. Off by default."""
    told_apart: float = 0.0
    """Largest tolerated surplus of the area under the curve (0.5 to 1) with which a classifier tells a window's rows
    from training's by their numeric features, above that of quiet windows: finds many small changes at once. Of
    versions trained after this was set. Off by default."""
    outcome_psi: float = 0.0
    """Largest tolerated drift of the outcomes that are known against the test split of training (PSI). Off by
    default."""
    constant: bool = False
    """Tell a feature that has one value only in a window, where training saw several. Off by default."""
    duplicates: float = 0.0
    """Largest tolerated share of rows whose key came in the window before. Off by default."""
    max_age: str = "0d"
    """Longest tolerated time from the newest row to the end of a window, at most a window, such as `6h`: tells of a
    feed that stopped. 0d: not looked at."""
    contribution_moved: float = 0.0
    """Largest tolerated change of a feature's share in what all features add to the scores, of models whose
    contributions are exact (trees and linear ones). Off by default."""
    reference: Literal["training", "day", "week", "year"] = "training"
    """What features and scores are compared with: `training`, or the windows of history that match: the same hours of
    the days before, the same weekday and hours of the weeks before, or the same weeks of the year before."""
    reference_windows: int = 8
    """How many matching windows; of a year ago, those nearest to it."""
    estimated_drop: float = 0.0
    """As `performance_drop`, of the primary metric as estimated without outcomes; of a regression from the training
    after this was set. Off by default."""
    persistence: int = 1
    """Alert when a check breaks its limit in this many windows running (or of the last `of_last`)."""
    of_last: int = 0
    """Alert when a check breaks its limit in `persistence` of this many last windows; 0: in windows running."""

    def last_windows(self) -> int:
        """How many windows, the newest with them, the rule of persistence looks at."""
        return max(1, self.persistence, self.of_last)


class TriggerPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[triggers]]`: what starts a retraining.

    `alert`: an alert of one of `kinds` opened (all when empty); `schedule`: `cron` is due; `new_data`: so many
    `rows` learnt their outcome since the newest run's data was put together; `code_change`: the model's project file or
    code is not the one of the newest run any more.
    """

    on: Literal["alert", "schedule", "new_data", "code_change"]
    """What starts it."""
    kinds: tuple[str, ...] = ()
    """With `alert`: the kinds of check that count; empty: all."""
    cron: str | None = None
    """With `schedule`: minute, hour, day, month, weekday."""
    rows: int = 0
    """With `new_data`: how many rows whose outcome became known since then."""
    cool_down: str = "14d"
    """After a retraining it stays quiet so long."""


class Project(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole project file."""

    project: str
    """The project: the tenant in which names, roles and data live."""
    train: str
    """`module:function`: called with (features, target, context), returns a fitted estimator or pipeline; `none` where
    versions are only imported."""
    model: ModelPart
    """See `[model]`."""
    data: DataPart
    """See `[data]`."""
    features: FeaturesPart
    """See `[features]`."""
    release: ReleasePart
    """See `[release]`."""
    training: TrainingPart = TrainingPart()
    """See `[training]`."""
    seed: int = 0
    """For every random choice in training."""
    params: dict[str, bool | int | float | str] = {}
    """Handed to the training function as `context.params`."""
    split: SplitPart = SplitPart()
    """See `[split]`."""
    metrics: MetricsPart = MetricsPart()
    """See `[metrics]`."""
    costs: CostsPart | None = None
    """See `[costs]`; none: no threshold and no decision."""
    baseline: BaselinePart | None = None
    """See `[baseline]`; none: never or always acting, whichever is worth more."""
    review: ReviewPart | None = None
    """See `[review]`; none: every score is decided by the threshold."""
    gates: tuple[GatePart, ...] = ()
    """See `[[gates]]`."""
    approvals: ApprovalsPart = ApprovalsPart()
    """See `[approvals]`."""
    bundle: BundlePart = BundlePart()
    """See `[bundle]`."""
    monitor: MonitorPart = MonitorPart()
    """See `[monitor]`."""
    triggers: tuple[TriggerPart, ...] = ()
    """See `[[triggers]]`."""
