"""The rules of a project file that types cannot say. Each looks only at parts that were readable."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from podium.core import (
    baseline_rules,
    class_rules,
    data_rules,
    guardrail_rules,
    monitor_rules,
    project,
    time,
    trigger_rules,
)
from podium.core import name as names
from podium.core.errors import Invalid
from podium.core.signature import Task

Path = tuple[str | int, ...]
Parts = Mapping[str, Any]


class Problem(msgspec.Struct, frozen=True, order=True):
    """What is wrong, at which key, and what to write instead."""

    path: Path
    message: str
    fix: str = ""


BINARY_METRICS = ("accuracy", "auc", "average_precision", "brier", "ece", "f1", "log_loss", "precision", "recall")
REGRESSION_METRICS = ("mae", "mape", "pinball_10", "pinball_50", "pinball_90", "r2", "rmse")
_ALLOWED: dict[str, tuple[str, ...]] = {
    Task.BINARY: (*BINARY_METRICS, "cost_per_row"),
    Task.REGRESSION: REGRESSION_METRICS,
    Task.MULTICLASS: class_rules.METRICS,
}
_TRAIN = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$", re.ASCII)
_EXPRESSION_LIMIT = 2_000
_SHADOW = project.ShadowPart()


def check_all(parts: Parts) -> list[Problem]:
    """Every rule that the parts break. A part that could not be read is None, and rules about it are skipped."""
    return [problem for rule in _RULES for problem in rule(parts)]


def _at(parts: Parts | None, *path: str) -> Any:
    here: Any = parts
    for key in path:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here


def _names(parts: Parts) -> Iterator[Problem]:
    where = (("project",), ("model", "name"), ("release", "endpoint"), ("release", "environment"))
    for path in where:
        if (given := _at(parts, *path)) is not None:
            yield from _name(path, given)


def _name(path: Path, given: str) -> Iterator[Problem]:
    try:
        names.check(given)
    except Invalid as problem:
        yield Problem(path, problem.message, problem.fix or "")


def _texts(parts: Parts) -> Iterator[Problem]:
    keys = ("purpose", "owner", "decision", "kpi")
    for path in (*(("model", key) for key in keys), ("data", "source")):
        given = _at(parts, *path)
        if given is not None and not given.strip():
            yield Problem(path, f"{path[-1]} is empty.", "People will look for it: write a sentence.")


def _train(parts: Parts) -> Iterator[Problem]:
    given = parts.get("train")
    if given is not None and given != project.NO_TRAINING and not _TRAIN.match(given):
        yield Problem(
            ("train",), "train names a function as module:function.", 'For example train = "flight_delay:fit".'
        )
    if given == project.NO_TRAINING and parts.get("triggers"):
        yield Problem(("triggers",), 'Nothing can be retrained with train = "none".', "Take the triggers out.")


def _seed(parts: Parts) -> Iterator[Problem]:
    given = parts.get("seed")
    if given is not None and not 0 <= given < 2**32:
        yield Problem(("seed",), "seed is between 0 and 4294967295.")


def _data(parts: Parts) -> Iterator[Problem]:
    for path, message, fix in data_rules.check(parts):
        yield Problem(path, message, fix)


def _metrics(parts: Parts) -> Iterator[Problem]:
    task = _at(parts, "model", "task") or Task.BINARY
    allowed = _ALLOWED[task]
    primary, report = _at(parts, "metrics", "primary"), _at(parts, "metrics", "report")
    listed = [(("metrics", "primary"), primary)] + [(("metrics", "report"), each) for each in report or ()]
    for path, given in listed:
        if given is None:
            continue
        if given not in allowed:
            yield Problem(path, f"There is no such metric for a {task} model.", names.nearest(given, allowed))
        elif given == "cost_per_row" and "costs" not in parts:
            yield Problem(path, "The metric 'cost_per_row' needs costs.", "Write a [costs] part.")
    if task == Task.REGRESSION and "primary" not in (_at(parts, "metrics") or {}):
        yield Problem(
            ("metrics",), "A regression model needs its own primary metric.", 'Write primary = "rmse" in [metrics].'
        )
    if task != Task.BINARY and "report" not in (_at(parts, "metrics") or {}):
        some = '"rmse", "mae"' if task == Task.REGRESSION else '"accuracy", "macro_f1", "log_loss"'
        yield Problem(("metrics",), f"A {task} model needs its own report.", f"Write report = [{some}].")
    confidence = _at(parts, "metrics", "confidence")
    if confidence is not None and not 0.5 <= confidence < 1.0:
        yield Problem(("metrics", "confidence"), "confidence is at least 0.5 and below 1.", "For example 0.95.")


def _costs(parts: Parts) -> Iterator[Problem]:
    if "costs" not in parts:
        return
    if _at(parts, "model", "task") == Task.REGRESSION:
        yield Problem(
            ("costs",),
            "Costs are of decisions, and a regression model takes none.",
            'Leave [costs] out, or write task = "binary".',
        )
    costs = parts["costs"]
    if not isinstance(costs, Mapping) or None in costs.values():
        return
    for wrong, right in (("false_positive", "true_negative"), ("false_negative", "true_positive")):
        if costs.get(wrong, 1.0) <= costs.get(right, 0.0):
            yield Problem(
                ("costs", wrong),
                f"No threshold follows from these costs: {wrong} must cost more than {right}.",
                "A gain is a negative cost.",
            )


def _review(parts: Parts) -> Iterator[Problem]:
    given = parts.get("review")
    if not isinstance(given, Mapping):
        return
    if "costs" not in parts and _at(parts, "model", "task") != Task.MULTICLASS:
        yield Problem(("review",), "A review needs a decision to take over.", "Write a [costs] part.")
    low, high = given.get("low"), given.get("high")
    by_cost = "cost" in given
    if by_cost == ("low" in given or "high" in given) or ("low" in given) != ("high" in given):
        yield Problem(("review",), "The band is given by cost, or by low and high.", "For example cost = 0.5.")
    elif by_cost and given["cost"] is not None and given["cost"] <= 0:
        yield Problem(("review", "cost"), "A look costs something.", "For example cost = 0.5.")
    elif low is not None and high is not None and not 0.0 <= low < high <= 1.0:
        yield Problem(("review", "low"), "low lies below high, both between 0 and 1.", "low = 0.3 and high = 0.5.")


def _baseline(parts: Parts) -> Iterator[Problem]:
    if _at(parts, "model", "task") == Task.MULTICLASS:
        return  # told by the rules of classes
    for key, message, fix in baseline_rules.check(parts):
        yield Problem(("baseline", key) if key else ("baseline",), message, fix)


def _classes(parts: Parts) -> Iterator[Problem]:
    for path, message, fix in class_rules.check(parts):
        yield Problem(path, message, fix)


def _gates(parts: Parts) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, gate in enumerate(parts.get("gates") or ()):
        given, expression = _at(gate, "name"), _at(gate, "expression")
        if given is not None:
            yield from _name(("gates", index, "name"), given)
        if given is not None and given in seen:
            yield Problem(("gates", index, "name"), "Two gates have the same name.", "Name each differently.")
        seen.add(given)
        if expression is not None and not 0 < len(expression.strip()) <= _EXPRESSION_LIMIT:
            yield Problem(
                ("gates", index, "expression"),
                f"An expression has 1 to {_EXPRESSION_LIMIT} characters.",
                'For example expression = "metrics.test.auc.value > 0.7".',
            )


def _durations(parts: Parts) -> Iterator[Problem]:
    where: list[Path] = [
        ("approvals", "valid_for"),
        ("approvals", "remind_before"),
        ("release", "shadow", "min_duration"),
        ("release", "shadow", "max_duration"),
        ("release", "canary", "min_duration"),
        ("monitor", "window"),
        ("monitor", "label_window"),
        ("monitor", "max_age"),
    ]
    given = [(path, _at(parts, *(str(key) for key in path))) for path in where]
    given += [
        (("triggers", index, "cool_down"), _at(each, "cool_down"))
        for index, each in enumerate(parts.get("triggers") or ())
    ]
    for path, text in given:
        if text is None:
            continue
        try:
            length = time.parse_duration(text)
        except Invalid as problem:
            yield Problem(path, problem.message, problem.fix or "")
            continue
        if not length and path[-1] in ("window", "valid_for"):
            yield Problem(path, f"{path[-1]} is longer than nothing.", "For example 7d.")


def _stages(parts: Parts) -> Iterator[Problem]:
    shadow = _at(parts, "release", "shadow") or {}
    try:
        least = time.parse_duration(shadow.get("min_duration") or _SHADOW.min_duration)
        most = time.parse_duration(shadow.get("max_duration") or _SHADOW.max_duration)
    except Invalid:
        return
    if most < least:
        yield Problem(("release", "shadow", "max_duration"), "max_duration is shorter than min_duration.", "Swap them.")
    weight = _at(parts, "release", "canary", "weight")
    if weight is not None and not 0.0 < weight < 1.0:
        yield Problem(("release", "canary", "weight"), "weight is a share between 0 and 1.", "For example 0.2.")


def _counts(parts: Parts) -> Iterator[Problem]:
    where = (
        (("release", "shadow", "min_rows"), 1),
        (("monitor", "min_rows"), 1),
        (("monitor", "persistence"), 1),
        (("monitor", "of_last"), 0),
        (("release", "margin"), 0),
        *((("monitor", key), 0) for key in ("drift_psi", "score_psi", "missing_rate", "new_categories")),
        *((("monitor", key), 0) for key in ("performance_drop", "cost_rise", *monitor_rules.LIMITS)),
    )
    for path, least in where:
        given = _at(parts, *path)
        if given is not None and given < least:
            yield Problem(path, f"{path[-1]} is at least {least}.")


def _monitor(parts: Parts) -> Iterator[Problem]:
    allowed = _ALLOWED.get(_at(parts, "model", "task") or Task.BINARY, ())
    for key, message, fix in monitor_rules.check(parts, allowed):
        yield Problem(("monitor", key), message, fix)
    for key, message, fix in monitor_rules.measured(parts):
        yield Problem(("metrics", key), message, fix)


def _guardrails(parts: Parts) -> Iterator[Problem]:
    allowed = _ALLOWED.get(_at(parts, "model", "task") or Task.BINARY, ())
    for index, key, message, fix in guardrail_rules.check(parts, allowed):
        yield Problem(("release", "guardrails", index, key), message, fix)


def _approvals(parts: Parts) -> Iterator[Problem]:
    required = _at(parts, "approvals", "required")
    if required is not None and len(set(required)) != len(required):
        yield Problem(("approvals", "required"), "A role is listed twice.", 'For example ["validator", "owner"].')


def _triggers(parts: Parts) -> Iterator[Problem]:
    for index, key, message, fix in trigger_rules.check(parts.get("triggers") or ()):
        yield Problem(("triggers", index, key) if key else ("triggers", index), message, fix)


_RULES: tuple[Callable[[Parts], Iterator[Problem]], ...] = (
    _names,
    _texts,
    _train,
    _seed,
    _data,
    _metrics,
    _costs,
    _baseline,
    _review,
    _classes,
    _gates,
    _durations,
    _stages,
    _counts,
    _monitor,
    _guardrails,
    _approvals,
    _triggers,
)
