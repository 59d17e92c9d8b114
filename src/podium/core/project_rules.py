"""The rules of a project file that types cannot say. Each looks only at parts that were readable."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import croniter
import msgspec

from podium.core import baseline_rules, check, class_rules, guardrail_rules, monitor_rules, project, time
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
_COLUMN_LIMIT = 128
_EXPRESSION_LIMIT = 2_000
_SPLIT = project.SplitPart()
_SHADOW = project.ShadowPart()
_CHECKS = tuple(kind.value for kind in check.CheckKind)
_GROUPS = ("numeric", "integer", "categorical", "boolean")


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


def _columns(parts: Parts) -> Iterator[Problem]:
    data = [("data", key) for key in ("key", "time", "target")]
    for path in (*data, ("split", "key")):
        if (given := _at(parts, *path)) is not None:
            yield from _column(path, given)
    for key in ("target",):
        for other in ("key", "time"):
            if _at(parts, "data", key) is not None and _at(parts, "data", key) == _at(parts, "data", other):
                yield Problem(("data", key), f"The target is the same column as the {other}.", "Name two columns.")


def _column(path: Path, given: str) -> Iterator[Problem]:
    if not 1 <= len(given) <= _COLUMN_LIMIT or given != given.strip():
        yield Problem(path, f"A column's name has 1 to {_COLUMN_LIMIT} characters and no space around it.")


def _features(parts: Parts) -> Iterator[Problem]:
    groups = _at(parts, "features")
    if groups is None:
        return
    given = [
        (("features", group), column) for group in _GROUPS for column in groups.get(group) or () if column is not None
    ]
    if not given and None not in groups.values():
        yield Problem(("features",), "There are no features.", 'For example numeric = ["distance"].')
    taken = {_at(parts, "data", key): key for key in ("key", "target") if _at(parts, "data", key) is not None}
    seen: set[str] = set()
    for path, column in given:
        yield from _column(path, column)
        if column in taken:
            yield Problem(path, f"The {taken[column]} column {column!r} cannot be a feature.", "Leave it out.")
        if column in seen:
            yield Problem(path, f"The column {column!r} is listed twice.", "A feature has one type: list it once.")
        seen.add(column)


def _split(parts: Parts) -> Iterator[Problem]:
    split = _at(parts, "split") or {}
    validation, test = split.get("validation", _SPLIT.validation), split.get("test", _SPLIT.test)
    for key, given in (("validation", validation), ("test", test)):
        if given is not None and not 0.0 < given < 1.0:
            yield Problem(("split", key), f"{key} is a share between 0 and 1.", "For example 0.15.")
    if None not in (validation, test) and 0 < validation < 1 and 0 < test < 1 and validation + test >= 0.95:
        yield Problem(
            ("split",), "Too little is left to train on: validation and test together are 0.95 or more.", "Lower them."
        )
    if split.get("by") == "time" and split.get("key") is not None:
        yield Problem(("split", "key"), "A split by time has no key.", 'Leave key out, or write by = "hash".')
    if split.get("salt") is not None and len(split["salt"]) > _COLUMN_LIMIT:
        yield Problem(("split", "salt"), f"salt has at most {_COLUMN_LIMIT} characters.")


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


def _slices(parts: Parts) -> Iterator[Problem]:
    slices = _at(parts, "metrics", "slices") or ()
    for column in slices:
        if column is not None:
            yield from _column(("metrics", "slices"), column)
    if len(set(slices)) != len(slices):
        yield Problem(("metrics", "slices"), "A slice column is listed twice.")


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
    for index, trigger in enumerate(parts.get("triggers") or ()):
        if isinstance(trigger, Mapping) and trigger.get("on") is not None:
            yield from _trigger(("triggers", index), trigger)


def _trigger(path: Path, trigger: Parts) -> Iterator[Problem]:
    belongs = {"kinds": "alert", "cron": "schedule", "rows": "new_data"}
    for key, kind in belongs.items():
        if key in trigger and trigger["on"] != kind:
            yield Problem((*path, key), f'{key} belongs to a trigger on = "{kind}".', "Leave it out.")
    for kind in trigger.get("kinds") or ():
        if kind is not None and kind not in _CHECKS:
            yield Problem((*path, "kinds"), "There is no such kind of check.", names.nearest(kind, _CHECKS))
    if trigger["on"] == "schedule" and "cron" not in trigger:
        yield Problem(path, "A trigger by schedule needs cron.", 'For example cron = "0 6 1 * *" (monthly).')
    cron = trigger.get("cron")
    if cron is not None and not _is_cron(cron):
        yield Problem(
            (*path, "cron"), "This is not a cron line.", 'Write minute hour day month weekday: "0 6 1 * *" is monthly.'
        )
    if trigger["on"] == "new_data" and (trigger.get("rows", 0) or 0) < 1 and trigger.get("rows", 0) is not None:
        yield Problem((*path, "rows"), "A trigger by new data needs rows, at least 1.", "For example rows = 20000.")


def _is_cron(text: str) -> bool:
    if len(text) > _COLUMN_LIMIT or len(text.split()) != 5:
        return False
    try:
        croniter.croniter(text, time.EPOCH).get_next()
    except (croniter.CroniterError, ValueError):
        return False
    return True


_RULES: tuple[Callable[[Parts], Iterator[Problem]], ...] = (
    _names,
    _texts,
    _train,
    _seed,
    _columns,
    _features,
    _split,
    _metrics,
    _slices,
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
