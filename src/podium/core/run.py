"""One execution of a training pipeline."""

import enum
from typing import Any

import msgspec

from podium.core import signature
from podium.core.bundle import Engine
from podium.core.project import Project
from podium.core.review import Band


class RunState(enum.StrEnum):
    REQUESTED = "requested"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate with its confidence interval, and on how many rows it rests."""

    value: float
    low: float
    high: float
    rows: int


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """How often rows of one class (a line) were said to be of another (a column), in the order of the labels."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What the run ran on: enough to build it again."""

    python: str
    platform: str
    packages: tuple[str, ...]
    """`name==version`, sorted."""
    lock_digest: str | None = None
    network: str = ""
    """What the user's code had of the network: `off`, `declared` by the project file, or `open` as this system cannot
    take it away; empty: not known, or no such code ran."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was not trained here: what it consists of, and what it is to answer."""

    engine: Engine
    files: dict[str, str] = {}
    """The bundle's files by path → blob digest, `engine.json` among them (but not with `onnx`)."""
    expected: str = "expected"
    """The column of the data with the answers that the model gave where it comes from."""
    tolerance: float = 1e-6
    """By how much an answer may differ here."""


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """Which code ran: the source snapshot, and the git commit and uncommitted difference where there was one.

    A run with `imported` trains nothing: it takes over a model, measures it and proves it; its source is that list.
    """

    source_digest: str
    commit: str | None = None
    diff_digest: str | None = None
    imported: Imported | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What training produced. Written as `result.json` by the training process."""

    signature: signature.Signature
    metrics: dict[str, dict[str, Interval]]
    """By split part, then by metric: `metrics["test"]["auc"]`."""
    slices: dict[str, dict[str, dict[str, Interval]]] = {}
    """By slice column, value, metric; on the test split."""
    fairness: dict[str, dict[str, Interval]] = {}
    """By measure, then slice column: the widest gap between its values, on the test split."""
    threshold: float | None = None
    baseline_cost: dict[str, float] = {}
    """Cost per row on the test split of: the model, acting never, acting always."""
    feature_latency_us: float = 0.0
    """Median time to score one row with the exported form, in microseconds."""
    rows: dict[str, int] = {}
    files: dict[str, str] = {}
    """Artifacts by name → blob digest (model.onnx, golden.arrow, reference.json, …)."""
    parity: dict[str, Any] = {}
    engine: Engine = Engine.ONNX
    """What executes the artifacts."""
    review: Band | None = None
    """Scores that are referred to a person."""
    referred: float = 0.0
    """The share of the test split's rows that are."""
    confusion: Confusion | None = None
    """Of several classes: on the test split, each row said to be of its most probable class."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run and everything needed to repeat it."""

    id: str
    project: str
    model: str
    number: int
    state: RunState
    dataset: str
    """Digest of the training data."""
    spec_digest: str
    params: dict[str, bool | int | float | str]
    seed: int
    code: Code
    reason: str
    """Why it was started: a person's words, or the trigger."""
    created_us: int
    created_by: str
    started_us: int | None = None
    finished_us: int | None = None
    environment: Environment | None = None
    result: Result | None = None
    error: str | None = None
    job: str | None = None
    log: str | None = None
    """The blob with what the training code printed (its last MiB), once it ended; until then its log's route has it."""


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks to be trained: which model, from which data, by which code."""

    model: str
    dataset: str
    """Digest of a dataset version of the project."""
    spec: Project
    code: Code
    reason: str = ""
    seed: int | None = None
    """Instead of the project file's."""
    params: dict[str, bool | int | float | str] = {}
    """Over the project file's."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in which two runs differ, or one metric of both: as it is in the first and in the second."""

    name: str
    first: Any
    second: Any


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs side by side."""

    first: str
    second: str
    inputs: tuple[Difference, ...]
    """Dataset, code, spec, seed, parameters and environment: those that differ."""
    metrics: tuple[Difference, ...]
    """Every metric of the test split, as intervals."""
