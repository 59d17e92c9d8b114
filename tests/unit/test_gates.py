"""The language of gates: what it accepts, what it refuses, and that only a literal true passes."""

from typing import Any

import pytest

from podium.core import errors, project
from podium.core.evidence import GateResult
from podium.manage.gates import expression, words

INTERVAL = {"value": 0.8, "low": 0.75, "high": 0.85, "rows": 500}
CONTENT: dict[str, Any] = {
    "metrics": {"test": {"auc": INTERVAL, "brier": {"value": 0.1, "low": None}}},
    "parity": {"rows": 100, "max_abs_error": 1e-9, "tolerance": 1e-6, "recipe": "double"},
    "slices": {"carrier": {"AA": {"auc": {"value": 0.7}}, "BB": {"auc": {"value": 0.6}}}},
    "rows": {"test": 500},
    "stress": {"held": True},
}


def outcome(text: str, content: dict[str, Any] | None = None) -> GateResult:
    gate = project.GatePart(name="gate", expression=text)
    return expression.evaluate(gate, CONTENT if content is None else content)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.test.auc.value > 0.7",
        "metrics['test'].auc['value'] > 0.7",
        "metrics.test.auc.value >= 0.8 && parity.max_abs_error <= parity.tolerance",
        "parity.rows * 2 == 200",
        "rows.test > 100 ? true : false",
        "parity.recipe in ['double', 'mixed']",
        "parity.recipe.startsWith('dou')",
        "lowest(slices.carrier, 'auc') > 0.5 && highest(slices.carrier, 'auc') < 0.9",
        "abs(metrics.test.auc.low - metrics.test.auc.high) < 0.2",
        "!has(champion.metrics) || metrics.test.auc.value > champion.metrics.test.auc.value",
        "reports.stress.held",
        "metrics.test.auc.value // the area\n > 0.7",
    ],
)
def test_gates_that_hold(text: str) -> None:
    expression.check_expression(text)
    assert outcome(text) == GateResult(name="gate", expression=text, passed=True)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("metrics.test.auk.value > 0.1", "Did you mean 'auc'?"),
        ("metrics.tst.auc.value > 0.1", "Did you mean 'test'?"),
        ("latency.one_row_us < 100", "no evidence latency"),
        ("metrics.test.auc.value > 0.1 || cost.model < 1", "no evidence cost"),
        ("true || parity.nothing > 1", "nothing named 'nothing'"),
        ("metrics.test.brier.low < 1", "metrics.test.brier.low is empty"),
        ("parity.recipe > 1", "parity.recipe is text"),
        ("metrics.test.auc.value.deep > 1", "has no part 'deep'"),
        ("metrics.test.auc.value", "neither true nor false"),
        ("lowest(slices.carrier, 'brier') > 0", "each of its slices"),
        ("metrics.test.auc.value > champion.metrics.test.auc.value", "no evidence champion"),
        ("has(metrics.tset) && parity.tol > 1", "nothing named 'tol'"),
    ],
)
def test_what_cannot_be_known_does_not_pass(text: str, hint: str) -> None:
    result = outcome(text)
    assert not result.passed
    assert hint in (result.problem or "")


def test_a_false_gate_has_no_problem() -> None:
    result = outcome("metrics.test.auc.value > 0.9")
    assert (result.passed, result.problem) == (False, None)


@pytest.mark.parametrize("answer", ["1", "'true'", "[true]", "null", "0.0", "metrics"])
def test_only_a_literal_true_passes(answer: str) -> None:
    assert not outcome(answer).passed


@pytest.mark.parametrize("macro", sorted(words.MACROS))
@pytest.mark.parametrize("call", ["[1, 2].{}(x, true)", "metrics . test\n.\n{} (x, true)", "{}([1], x, true)"])
def test_macros_are_refused(macro: str, call: str) -> None:
    text = call.format(macro)
    with pytest.raises(errors.Invalid, match="no place in a gate"):
        expression.check_expression(text)
    assert not outcome(text).passed


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1 +",
        "x" * 2001,
        "(" * 40 + "true" + ")" * 40,
        "[" * 40 + "]" * 40,
        "true ? " * 200 + "true" + " : true" * 200,
        "parity.rows / 0 > 1",
        "parity.rows % 2 == 0",
        "{'a': true}.a",
        "'''a''' == 'a'",
        "r'a' == 'a'",
        "b'a' == 'a'",
        "'\\x61' == 'a'",
        "`metrics`.test.auc.value > 0",
        "matches('a', 'a')",
        "'aaaa'.matches('(a+)+$')",
        "parity.rows > 1; true",
        "metrics.test.auc.value > 0.7 \x00",
        "metrics.test.auc.value > ١",
        "\ud800",
    ],
)
def test_what_has_no_place_in_a_gate(text: str) -> None:
    with pytest.raises(errors.Invalid):
        expression.check_expression(text)
    assert not outcome(text).passed


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("metricz.test.auc.value > 0.7", "Did you mean 'metrics'?"),
        ("metrics.test.auk.value > 0.7", "Did you mean 'auc'?"),
        ("rows.test.value > 1", "rows.test is a value"),
        ("stress.held", "nothing named 'stress'"),
        ("metrics.test.auc.value", "not true or false"),
        ("metrics.test.auc.value > 'high'", "not true or false"),
        ("metrics.test.auc.value + 1", "not true or false"),
    ],
)
def test_names_and_types_are_checked_before_any_training(text: str, hint: str) -> None:
    with pytest.raises(errors.Invalid) as wrong:
        expression.check_expression(text, field="gates[0].expression")
    assert hint in str(wrong.value)
    assert wrong.value.field == "gates[0].expression"


def test_paths_are_read_from_the_words() -> None:
    text = "has(champion.metrics) && metrics['test'].auc.value > 0.5"
    assert words.paths(words.tokens(text, "expression")) == [
        words.Path(("champion", "metrics"), asked=True),
        words.Path(("metrics", "test", "auc", "value")),
    ]
