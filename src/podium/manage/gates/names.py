"""The names that gates can see: one variable for each kind of evidence that Podium makes, and `reports`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podium.core import monitor_rules, name, project
from podium.core.errors import Invalid
from podium.manage.gates import words

ANYTHING: Final = "*"
"""A part that may have any name: a value of a slice column, a person's report."""
NUMBER: Final = None

Tree = Mapping[str, Any]
"""Names to trees, or to `NUMBER`."""

METRICS = (
    "accuracy",
    "auc",
    "average_precision",
    "brier",
    "ece",
    "f1",
    "log_loss",
    "macro_auc",
    "macro_f1",
    "mae",
    "mape",
    "pinball_10",
    "pinball_50",
    "pinball_90",
    "precision",
    "r2",
    "recall",
    "rmse",
)
_INTERVAL: Tree = {"value": NUMBER, "low": NUMBER, "high": NUMBER, "rows": NUMBER}
_PARTS = ("train", "validation", "test")
_COST: Tree = {"model": NUMBER, "never": NUMBER, "always": NUMBER, "with_review": NUMBER}
_UNKNOWN: Tree = {ANYTHING: ANYTHING}

BUILT_IN = ("metrics", "slices", "parity", "latency", "cost", "rows", "champion", "explanation", "review", "fairness")
"""Evidence that only Podium attaches. What people attach stands under `reports.<name>`."""
REPORTS = "reports"


def known(spec: project.Project | None = None) -> Tree:
    """The tree of names that a gate may use; with a project, its own metrics and slice columns."""
    measured = set(METRICS) | ({spec.metrics.primary, *spec.metrics.report} if spec else set())
    intervals = dict.fromkeys(sorted(measured), _INTERVAL)
    metrics = dict.fromkeys(_PARTS, intervals)
    columns = spec.metrics.slices if spec else (ANYTHING,)
    return {
        "metrics": metrics,
        "slices": {column: {ANYTHING: intervals} for column in columns},
        "parity": {"rows": NUMBER, "max_abs_error": NUMBER, "tolerance": NUMBER, "recipe": NUMBER},
        "latency": {"one_row_us": NUMBER},
        "cost": _COST,
        "explanation": {"exact": NUMBER, "max_abs_error": NUMBER},
        "rows": dict.fromkeys(_PARTS, NUMBER),
        "champion": {"version": NUMBER, "metrics": metrics, "cost": _COST},
        "fairness": {measure: dict.fromkeys(columns, _INTERVAL) for measure in monitor_rules.FAIRNESS},
        "review": {"low": NUMBER, "high": NUMBER, "share": NUMBER},
        REPORTS: _UNKNOWN,
    }


def check(paths: Sequence[words.Path], tree: Tree, field: str) -> None:
    """Raise `Invalid` for the first name that no evidence can have, with the nearest one that it can."""
    for path in paths:
        _check_path(path, tree, field)


def _check_path(path: words.Path, tree: Tree, field: str) -> None:
    here: Any = tree
    for index, part in enumerate(path.parts):
        where = ".".join(path.parts[:index]) or "the evidence"
        if here == ANYTHING:
            return
        if here is NUMBER:
            raise Invalid(f"{where} is a value and has no parts.", field=field, fix=f"Write {where} alone.")
        if part not in here and ANYTHING not in here:
            raise Invalid(f"There is nothing named {part!r} in {where}.", field=field, fix=hint(part, here))
        here = here.get(part, here.get(ANYTHING))


def hint(wrong: str, here: Mapping[str, Any]) -> str:
    """The nearest known name, or the known ones."""
    return name.nearest(wrong, here) if here else "Nothing is known there."


def problem_of(path: words.Path, context: Mapping[str, Any]) -> str | None:
    """Why a name leads to no value in this evidence; None when it does."""
    here: Any = context
    for index, part in enumerate(path.parts):
        where = ".".join(path.parts[:index])
        if not isinstance(here, Mapping):
            return f"{where} is a value and has no part {part!r}."
        if not here and index:
            return f"There is no evidence {where} for this version."
        if part not in here:
            return (
                f"{path} is missing: there is nothing named {part!r} in {where or 'the evidence'}. {hint(part, here)}"
            )
        here = here[part]
    return None
