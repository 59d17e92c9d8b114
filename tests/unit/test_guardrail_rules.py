"""The rules of `[[release.guardrails]]`, each broken once; and that what they let through can be measured."""

from typing import Any

import numpy as np
import pytest

from podium.core import guardrail_rules, project, project_rules
from podium.measures.guardrails import figure

PARTS: dict[str, Any] = {
    "model": {"task": "binary"},
    "features": {"numeric": ["age"], "categorical": ["sex"]},
    "costs": {},
}
ALLOWED = {"binary": (*project_rules.BINARY_METRICS, "cost_per_row"), "regression": project_rules.REGRESSION_METRICS}


def said(*rails: Any, **parts: Any) -> list[str]:
    whole = PARTS | parts | {"release": {"guardrails": rails}}
    return [f"{key}: {message}" for _, key, message, _ in guardrail_rules.check(whole, ALLOWED[whole["model"]["task"]])]


def test_what_is_right_breaks_no_rule() -> None:
    rails = [
        {"metric": "latency", "margin": 2.0},
        {"metric": "calibration", "margin": 0.02},
        {"metric": "calibration", "margin": 0.02, "by": "sex"},
        {"metric": "equalised_odds", "margin": 0.05, "by": "sex"},
        {"metric": "cost_per_row", "margin": 0.1},
    ]
    assert said(*rails) == []
    assert said({"metric": "mae", "margin": 1.0}, model={"task": "regression"}) == []
    assert said({"metric": None, "margin": None}, None) == []


@pytest.mark.parametrize(
    ("rail", "parts", "message"),
    [
        ({"metric": "brier", "margin": 0.0}, {}, "margin: A margin is above 0: that nothing is worse at all cannot"),
        ({"metric": "auc", "margin": 0.1}, {}, "metric: No guardrail can watch this."),
        ({"metric": "equalised_odds", "margin": 0.1}, {}, "by: Fairness is measured between groups."),
        ({"metric": "equalised_odds", "margin": 0.1, "by": "age"}, {}, "by: Groups are features that are categorical"),
        ({"metric": "brier", "margin": 0.1, "by": "sex"}, {}, "metric: There is no such measure of fairness."),
        ({"metric": "calibration", "margin": 0.1}, {"model": {"task": "regression"}}, "metric: No guardrail can"),
        (
            {"metric": "calibration", "margin": 0.1, "by": "sex"},
            {"model": {"task": "regression"}},
            "metric: Fairness is measured of binary models.",
        ),
    ],
)
def test_each_rule(rail: dict[str, Any], parts: dict[str, Any], message: str) -> None:
    found = said(rail, **parts)
    assert len(found) == 1
    assert found[0].startswith(message)


@pytest.mark.parametrize("metric", ["cost_per_row", "demographic_parity"])
def test_decisions_need_costs(metric: str) -> None:
    parts = {key: value for key, value in PARTS.items() if key != "costs"}
    rail = {"metric": metric, "margin": 0.1} | ({} if metric == "cost_per_row" else {"by": "sex"})
    whole = parts | {"release": {"guardrails": [rail]}}
    assert len(list(guardrail_rules.check(whole, ALLOWED["binary"]))) == 1


def test_the_same_twice() -> None:
    rail = {"metric": "brier", "margin": 0.1}
    assert said(rail, rail) == ["metric: Two guardrails watch the same."]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_every_metric_that_is_let_through_can_be_measured(task: str) -> None:
    side = figure.Scored(np.array([0.0, 1.0] * 3), np.array([0.25, 0.5] * 3), threshold=0.5)
    for metric in (*ALLOWED[task], "calibration"):
        if not said({"metric": metric, "margin": 0.1}, model={"task": task}):
            assert figure.pulls(metric, side, side, project.CostsPart()) is not None
