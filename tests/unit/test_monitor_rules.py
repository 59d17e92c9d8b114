"""The rules of the `[monitor]` part, each broken once; and that core's names are those of the measures."""

import itertools
from typing import Any, get_args, get_type_hints

import pytest

from podium.core import monitor_rules, project, project_rules, season, window
from podium.measures.estimates import cbpe
from podium.measures.fairness import by_name

PARTS: dict[str, Any] = {
    "model": {"task": "binary"},
    "metrics": {"primary": "log_loss", "report": ["auc"]},
    "features": {"numeric": ["age"], "categorical": ["sex"], "boolean": ["member"], "integer": ["children"]},
    "costs": {},
}
ALLOWED = (*project_rules.BINARY_METRICS, "cost_per_row")


def said(monitor: dict[str, Any], **parts: Any) -> list[str]:
    whole = PARTS | parts | {"monitor": monitor}
    return [f"{key}: {message}" for key, message, _ in monitor_rules.check(whole, ALLOWED)]


def test_names_are_those_of_the_measures() -> None:
    assert set(monitor_rules.FAIRNESS) == set(by_name.NAMES)
    assert set(monitor_rules.ESTIMABLE) == {*cbpe.ESTIMATORS, "cost_per_row"} - {"specificity"}


def test_what_is_right_breaks_no_rule() -> None:
    asked = {"fairness": ["calibration", "equalised_odds"], "groups": ["sex", "member", "children"]}
    assert said({**asked, "metrics": ["auc", "cost_per_row"], "estimated_drop": 0.1}) == []
    assert said({}) == []
    assert said({"reference": "week"}) == []
    assert said({"reference": "day", "window": "6h", "reference_windows": 28}) == []
    assert said({"reference": "day", "window": "soon"}) == []
    assert said({"reference": None, "reference_windows": None}) == []
    assert said({"fairness": None, "groups": None, "metrics": None, "estimated_drop": None}) == []


@pytest.mark.parametrize(
    ("monitor", "parts", "message"),
    [
        ({"metrics": ["acu"]}, {}, "metrics: There is no such metric for this task."),
        ({"metrics": ["brier"]}, {}, "metrics: The metric 'brier' is not measured in training."),
        ({"fairness": ["nice"], "groups": ["sex"]}, {}, "fairness: There is no such measure of fairness."),
        ({"fairness": ["calibration"]}, {}, "fairness: Fairness is measured between groups."),
        ({"groups": ["age"]}, {}, "groups: Groups are features that are categorical, boolean or integer."),
        (
            {"fairness": ["calibration"], "groups": ["sex"]},
            {"model": {"task": "regression"}},
            "fairness: Fairness is measured of binary models.",
        ),
        (
            {"estimated_drop": 0.1},
            {"model": {"task": "regression"}},
            "estimated_drop: The primary metric cannot be estimated.",
        ),
        (
            {"estimated_drop": 0.1},
            {"metrics": {"primary": "ece"}},
            "estimated_drop: The primary metric cannot be estimated.",
        ),
        (
            {"estimated_drop": 0.1},
            {"model": {"task": "regression"}, "metrics": {"primary": "r2", "report": ["r2"]}},
            "estimated_drop: The primary metric cannot be estimated.",
        ),
        ({"max_age": "8d"}, {}, "max_age: max_age is longer than a window: rows before it are not looked at."),
        ({"reference_windows": 8}, {}, "reference_windows: Training is one reference."),
        (
            {"reference": "week", "window": "1d", "reference_windows": 2},
            {},
            "reference_windows: Matching windows are 3 to 52: fewer do not tell how far quiet ones differ.",
        ),
        ({"reference": "day", "window": "2d"}, {}, "reference: Windows that match by 'day' last 1d at most."),
        ({"reference": "day"}, {}, "reference: Windows that match by 'day' last 1d at most."),
        ({"reference": "year", "window": "8d"}, {}, "reference: Windows that match by 'year' last 7d at most."),
    ],
)
def test_each_rule(monitor: dict[str, Any], parts: dict[str, Any], message: str) -> None:
    assert said(monitor, **parts) == [message]


def test_decisions_need_costs() -> None:
    without = {key: part for key, part in PARTS.items() if key != "costs"}
    asked = {"fairness": ["demographic_parity"], "groups": ["sex"]}
    found = list(monitor_rules.check(without | {"monitor": asked}, ALLOWED))
    assert [key for key, _, _ in found] == ["fairness"]
    assert (
        list(monitor_rules.check(without | {"monitor": {"fairness": ["calibration"], "groups": ["sex"]}}, ALLOWED))
        == []
    )


def test_matching_windows_lie_before_and_apart() -> None:
    assert set(season.SAID) == set(get_args(get_type_hints(project.MonitorPart)["reference"]))
    for kind in ("day", "week", "year"):
        longest = round(season.longest(kind).total_seconds() * 1e6)
        span = window.Window(10**17, 10**17 + longest)
        found = sorted(season.matching(kind, span, season.MOST))
        assert len(found) == season.MOST
        assert found[-1].end_us <= span.start_us
        assert all(one.end_us <= two.start_us for one, two in itertools.pairwise(found))
