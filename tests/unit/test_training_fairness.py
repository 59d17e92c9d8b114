"""Fairness measured in training: gaps between a slice column's values, features or not, for gates to see."""

from typing import Any

import msgspec
import numpy
import pytest

from podium.build.runs.training import evaluate
from podium.build.runs.training.table import Table
from podium.core import bundle, monitor_rules, project, run, split
from podium.core.dataset import Part
from podium.core.errors import Invalid
from podium.core.review import Band
from podium.core.signature import Signature, Task
from podium.deploy.packaging import evidence
from podium.manage.gates import names
from podium.measures.fairness import equalised_odds
from tests import artifacts, production

COUNT = 4000


def table() -> tuple[Table, Any]:
    """Half of the rows are the test's; group b is acted on more often than its targets warrant."""
    random = numpy.random.default_rng(1)
    group = random.choice(["a", "b"], COUNT)
    target = (random.random(COUNT) < 0.4).astype(float)
    score = numpy.clip(random.random(COUNT) * 0.6 + 0.3 * target + 0.2 * (group == "b"), 0.0, 1.0)
    codes = numpy.where(numpy.arange(COUNT) % 2 == 0, split.PARTS.index(Part.TEST), split.PARTS.index(Part.VALIDATION))
    made = Table(
        signature=Signature(features=(), task=Task.BINARY, key="id", target="y"),
        features={},
        target=target,
        codes=codes.astype(numpy.int8),
        slices={"sex": group.tolist()},
    )
    return made, score


def spec(*fairness: str, **parts: Any) -> project.Project:
    metrics = {"primary": "log_loss", "report": ["auc"], "slices": ["sex"], "fairness": list(fairness)}
    return production.spec(metrics=metrics, **parts)


def test_gaps_are_those_of_the_test_rows() -> None:
    data, score = table()
    found = evaluate.evaluate(data, score, spec("equalised_odds", "calibration"))
    test = data.places(Part.TEST)
    assert found.threshold is not None
    act = score[test] >= found.threshold
    expected = equalised_odds.equalised_odds(data.target[test], act, numpy.array(data.slices["sex"])[test]).difference
    assert found.fairness["equalised_odds"]["sex"] == expected
    assert found.fairness["calibration"]["sex"].low > 0.0
    assert evaluate.evaluate(data, score, spec()).fairness == {}


def test_rows_that_people_decide_are_left_out() -> None:
    data, score = table()
    banded = evaluate.evaluate(data, score, spec("demographic_parity", review={"low": 0.3, "high": 0.6}))
    assert banded.band == Band(low=0.3, high=0.6)
    whole = evaluate.evaluate(data, score, spec("demographic_parity"))
    assert banded.fairness["demographic_parity"]["sex"].rows < whole.fairness["demographic_parity"]["sex"].rows


def test_gates_see_fairness() -> None:
    data, score = table()
    wanted = spec("equalised_odds")
    found = evaluate.evaluate(data, score, wanted)
    result = msgspec.convert(
        {
            "signature": msgspec.to_builtins(data.signature),
            "metrics": {},
            "fairness": msgspec.to_builtins(found.fairness),
        },
        run.Result,
    )
    content = evidence.contents(result, msgspec.convert(msgspec.to_builtins(artifacts.parity()), bundle.Parity))
    assert content["fairness"]["equalised_odds"]["sex"]["value"] == found.fairness["equalised_odds"]["sex"].value
    tree = names.known(wanted)
    assert "value" in tree["fairness"]["equalised_odds"]["sex"]
    assert "fairness" not in evidence.contents(msgspec.structs.replace(result, fairness={}), artifacts.parity())


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"fairness": ["fair"], "slices": ["sex"]}, "There is no such measure of fairness."),
        ({"fairness": ["calibration"]}, "Fairness is measured between the values of slices."),
    ],
)
def test_rules(metrics: dict[str, Any], message: str) -> None:
    found = list(monitor_rules.measured({"metrics": metrics, "costs": {}}))
    assert [said for _, said, _ in found] == [message]


def test_fairness_of_decisions_needs_costs() -> None:
    data, score = table()
    free = msgspec.structs.replace(spec("equalised_odds"), costs=None)
    with pytest.raises(Invalid, match="needs decisions"):
        evaluate.evaluate(data, score, free)
