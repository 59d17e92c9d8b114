"""The rules of `[[release.guardrails]]` that types cannot say."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from podium.core import monitor_rules
from podium.core import name as names
from podium.core.signature import Task

LATENCY, CALIBRATION = "latency", "calibration"
_NO_MEANS = (
    "auc",
    "average_precision",
    "ece",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "r2",
    "rmse",
    "macro_auc",
    "macro_f1",
)
"""Metrics that are no mean of losses over rows, so that no interval of theirs may be looked at again and again."""
Found = tuple[int, str, str, str]
"""Which guardrail, its key, what is wrong with it, and what to write instead."""


def check(parts: Mapping[str, Any], allowed: Iterable[str]) -> Iterator[Found]:
    """Every rule that the guardrails break; `allowed`: the metrics of the model's task. Unreadable keys are None."""
    binary = ((parts.get("model") or {}).get("task") or Task.BINARY) == Task.BINARY
    means = [each for each in allowed if each not in _NO_MEANS]
    plain = [LATENCY, *([CALIBRATION] if binary else []), *means]
    seen: set[tuple[str, str]] = set()
    for index, each in enumerate((parts.get("release") or {}).get("guardrails") or ()):
        if not isinstance(each, Mapping):
            continue
        metric, by, margin = each.get("metric"), each.get("by") or "", each.get("margin")
        if margin is not None and margin <= 0:
            yield index, "margin", "A margin is above 0: that nothing is worse at all cannot be shown.", ""
        if metric is None:
            continue
        if (metric, by) in seen:
            yield index, "metric", "Two guardrails watch the same.", "Keep one."
        seen.add((metric, by))
        yield from _grouped(index, (metric, by), parts) if by else _plain(index, metric, plain, parts)


def _plain(index: int, metric: str, known: list[str], parts: Mapping[str, Any]) -> Iterator[Found]:
    if metric in monitor_rules.FAIRNESS and metric not in (CALIBRATION, *known):
        yield index, "by", "Fairness is measured between groups.", 'For example by = "sex".'
    elif metric not in known:
        yield index, "metric", "No guardrail can watch this.", names.nearest(metric, known)
    elif metric == "cost_per_row" and "costs" not in parts:
        yield index, "metric", "The metric 'cost_per_row' needs costs.", "Write a [costs] part."


def _grouped(index: int, what: tuple[str, str], parts: Mapping[str, Any]) -> Iterator[Found]:
    metric, by = what
    features = parts.get("features") or {}
    known = [each for key in ("categorical", "boolean", "integer") for each in features.get(key) or () if each]
    if by not in known:
        yield index, "by", "Groups are features that are categorical, boolean or integer.", names.nearest(by, known)
    if metric not in monitor_rules.FAIRNESS:
        yield index, "metric", "There is no such measure of fairness.", names.nearest(metric, monitor_rules.FAIRNESS)
    elif ((parts.get("model") or {}).get("task") or Task.BINARY) != Task.BINARY:
        yield index, "metric", "Fairness is measured of binary models.", "Leave it out."
    elif metric != CALIBRATION and "costs" not in parts:
        yield index, "metric", "Fairness of decisions needs decisions.", "Write a [costs] part, or only calibration."
