"""The project file's content: everything about a model that a person decides, as written in `podium.toml`."""

from typing import Literal

import msgspec

from podium.core.signature import Task


class ModelPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[model]`: the inventory entry."""

    name: str
    purpose: str
    owner: str
    decision: str
    risk_tier: Literal["low", "medium", "high"]
    kpi: str
    task: Task = Task.BINARY


class DataPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[data]`: where rows come from, and which columns play a part. `source`: a file, folder, glob or URL."""

    source: str
    key: str
    time: str
    target: str
    query: str | None = None
    """With a database URL as `source`: the SQL that gives the rows."""


class SplitPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[split]`: by `hash` of the column `key` (default: the data's key), or by `time` (the last rows are the test)."""

    by: Literal["hash", "time"] = "hash"
    key: str | None = None
    validation: float = 0.15
    test: float = 0.15
    salt: str = "podium"


class FeaturesPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[features]`: columns given to the model, by type."""

    numeric: tuple[str, ...] = ()
    integer: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    boolean: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        return self.numeric + self.integer + self.categorical + self.boolean


class MetricsPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[metrics]`: what is measured on the test split; the primary one decides between versions."""

    primary: str = "log_loss"
    report: tuple[str, ...] = ("auc", "log_loss", "brier")
    slices: tuple[str, ...] = ()
    confidence: float = 0.95


class CostsPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[costs]`: what a decision costs, in one unit. The threshold is chosen from these on the validation split."""

    false_positive: float = 1.0
    false_negative: float = 1.0
    true_positive: float = 0.0
    true_negative: float = 0.0
    unit: str = "cost"


class GatePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[gates]]`: a CEL expression over evidence that must be true."""

    name: str
    expression: str


class ApprovalsPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[approvals]`: who must say yes before production, and for how long the yes holds."""

    required: tuple[Literal["validator", "owner"], ...] = ("validator", "owner")
    valid_for: str = "365d"


class ShadowPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[release.shadow]`: how long a challenger only listens, and on how many matured rows it is judged."""

    min_duration: str = "7d"
    max_duration: str = "21d"
    min_rows: int = 1000


class CanaryPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[release.canary]`: the share of units (by hash of the row's key) that the challenger decides; for how long."""

    weight: float = 0.2
    min_duration: str = "7d"


class ReleasePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[release]`: where the model serves and how a new version gets there."""

    endpoint: str
    environment: str = "production"
    automatic: bool = True
    """Start a release by itself when a version has passed its gates. People still validate and approve."""
    require: Literal["better", "not-worse"] = "better"
    margin: float = 0.0
    shadow: ShadowPart = ShadowPart()
    canary: CanaryPart = CanaryPart()


class MonitorPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[monitor]`: the window and the limits. A limit set to 0 switches its check off."""

    window: str = "7d"
    min_rows: int = 500
    drift_psi: float = 0.2
    score_psi: float = 0.2
    missing_rate: float = 0.1
    new_categories: float = 0.05
    performance_drop: float = 0.05
    """Largest tolerated relative worsening of the primary metric against the test split of training."""
    cost_rise: float = 0.25
    """Largest tolerated relative rise of cost per row against the test split of training."""
    persistence: int = 1
    """Alert when a check breaks its limit in this many windows running."""


class TriggerPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[triggers]]`: what starts a retraining.

    `alert`: an alert of one of `kinds` opened (all when empty); `schedule`: `cron` is due; `new_data`: `rows` more
    matured rows than the newest version was trained on.
    """

    on: Literal["alert", "schedule", "new_data"]
    kinds: tuple[str, ...] = ()
    cron: str | None = None
    rows: int = 0
    cool_down: str = "14d"


class Project(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole project file."""

    project: str
    train: str
    """`module:function`: called with (features, target, context), returns a fitted estimator or pipeline."""
    model: ModelPart
    data: DataPart
    features: FeaturesPart
    release: ReleasePart
    seed: int = 0
    params: dict[str, bool | int | float | str] = {}
    split: SplitPart = SplitPart()
    metrics: MetricsPart = MetricsPart()
    costs: CostsPart | None = None
    gates: tuple[GatePart, ...] = ()
    approvals: ApprovalsPart = ApprovalsPart()
    monitor: MonitorPart = MonitorPart()
    triggers: tuple[TriggerPart, ...] = ()
