"""The rules of the `[monitor]` part, and of fairness in `[metrics]`, that types cannot say."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from podium.core import class_rules, project, season, time
from podium.core import name as names
from podium.core.errors import Invalid
from podium.core.signature import Task

LIMITS = (
    "contribution_moved",
    "drift_moved",
    "duplicates",
    "estimated_drop",
    "fairness_gap",
    "label_selection",
    "out_of_range",
    "outcome_psi",
    "pattern_moved",
    "segment_excess",
    "told_apart",
    "vanished",
    "weighted_psi",
)
"""Limits of 0 or more."""
FAIRNESS = ("calibration", "demographic_parity", "equal_opportunity", "equalised_odds")
ESTIMABLE = ("accuracy", "auc", "average_precision", "brier", "cost_per_row", "f1", "log_loss", "precision", "recall")
"""Metrics that can be estimated without outcomes."""
ESTIMABLE_LOSSES = ("mae", "mape", "pinball_10", "pinball_50", "pinball_90", "rmse")
"""The same of regressions: what is a mean over rows."""
_ESTIMABLE: Mapping[str, tuple[str, ...]] = {
    Task.REGRESSION: ESTIMABLE_LOSSES,
    Task.MULTICLASS: class_rules.METRICS,
}
Found = tuple[str, str, str]
"""The key, what is wrong with it, and what to write instead."""


def check(parts: Mapping[str, Any], allowed: Iterable[str]) -> Iterator[Found]:
    """Every rule that the part breaks; `allowed`: the metrics of the model's task. Unreadable keys are None."""
    here = parts.get("monitor") or {}
    yield from _metrics(here, parts.get("metrics") or {}, tuple(allowed))
    yield from _fairness(here, parts)
    yield from _groups(here, parts.get("features") or {})
    yield from _estimated(here, parts)
    yield from _season(here)
    yield from _age(here)


def measured(parts: Mapping[str, Any]) -> Iterator[Found]:
    """Every rule that `fairness` in `[metrics]` breaks."""
    here = parts.get("metrics") or {}
    yield from _named(here, parts)
    if here.get("fairness") and not here.get("slices"):
        yield "fairness", "Fairness is measured between the values of slices.", 'For example slices = ["sex"].'


def _metrics(here: Mapping[str, Any], metrics: Mapping[str, Any], allowed: tuple[str, ...]) -> Iterator[Found]:
    part = project.MetricsPart()
    reported = {metrics.get("primary", part.primary), *(metrics.get("report", part.report) or ()), "cost_per_row"}
    for given in here.get("metrics") or ():
        if given is not None and given not in allowed:
            yield "metrics", "There is no such metric for this task.", names.nearest(given, allowed)
        elif given is not None and given not in reported:
            yield "metrics", f"The metric {given!r} is not measured in training.", "Add it to report in [metrics]."


def _fairness(here: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[Found]:
    yield from _named(here, parts)
    if here.get("fairness") and not here.get("groups"):
        yield "fairness", "Fairness is measured between groups.", 'For example groups = ["sex"].'


def _named(here: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[Found]:
    wanted = [each for each in here.get("fairness") or () if each is not None]
    for given in wanted:
        if given not in FAIRNESS:
            yield "fairness", "There is no such measure of fairness.", names.nearest(given, FAIRNESS)
    if wanted and _task(parts) != Task.BINARY:
        yield "fairness", "Fairness is measured of binary models.", "Leave it out."
    if "costs" not in parts and any(each in FAIRNESS and each != "calibration" for each in wanted):
        yield "fairness", "Fairness of decisions needs decisions.", "Write a [costs] part, or only calibration."


def _groups(here: Mapping[str, Any], features: Mapping[str, Any]) -> Iterator[Found]:
    known = [each for key in ("categorical", "boolean", "integer") for each in features.get(key) or () if each]
    for given in here.get("groups") or ():
        if given is not None and given not in known:
            yield "groups", "Groups are features that are categorical, boolean or integer.", names.nearest(given, known)


def _estimated(here: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[Found]:
    if not here.get("estimated_drop"):
        return
    primary = (parts.get("metrics") or {}).get("primary", project.MetricsPart().primary)
    known = _ESTIMABLE.get(_task(parts), ESTIMABLE)
    if primary is not None and primary not in known:
        yield "estimated_drop", "The primary metric cannot be estimated.", f"One of {', '.join(known)} can."


def _season(here: Mapping[str, Any]) -> Iterator[Found]:
    part = project.MonitorPart()
    kind, count = here.get("reference", part.reference), here.get("reference_windows", part.reference_windows)
    if kind is None or count is None:
        return
    if kind == part.reference:
        if "reference_windows" in here:
            yield "reference_windows", "Training is one reference.", 'Leave it out, or write reference = "week".'
        return
    if not season.FEWEST <= count <= season.MOST:
        yield (
            "reference_windows",
            f"Matching windows are {season.FEWEST} to {season.MOST}: fewer do not tell how far quiet ones differ.",
            f"For example {part.reference_windows}.",
        )
        return
    try:
        length = time.parse_duration(here.get("window") or part.window)
    except Invalid:
        return  # told by the rule of durations
    longest = season.longest(kind)
    if length > longest:
        yield (
            "reference",
            f"Windows that match by {kind!r} last {season.words(longest)} at most.",
            "Write a shorter window, or another reference.",
        )


def _age(here: Mapping[str, Any]) -> Iterator[Found]:
    part = project.MonitorPart()
    try:
        oldest = time.parse_duration(here.get("max_age") or part.max_age)
        length = time.parse_duration(here.get("window") or part.window)
    except Invalid:
        return  # told by the rule of durations
    if oldest > length:
        yield "max_age", "max_age is longer than a window: rows before it are not looked at.", "Write a shorter one."


def _task(parts: Mapping[str, Any]) -> str:
    return (parts.get("model") or {}).get("task") or Task.BINARY
