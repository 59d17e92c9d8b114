"""Summaries: a window is the merge of its days, exactly; AUC within 1e-3."""

import msgspec
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from podium.core import project
from podium.core.errors import Invalid
from podium.core.signature import Task
from podium.measures.business import cost
from podium.measures.drift import reference
from podium.measures.performance import auc, brier, log_loss
from podium.measures.sketch import histogram, score_labels

NUMBERS = some.lists(some.one_of(some.just(float("nan")), some.integers(-50, 50).map(float)), max_size=60)
WORDS = some.lists(some.one_of(some.none(), some.sampled_from("abcdefgh")), max_size=60)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_numeric_summaries_merge_to_that_of_all_rows(before: list[float], one: list[float], two: list[float]) -> None:
    known = reference.numeric(numpy.array(before, dtype=numpy.float64))
    parts = [histogram.numeric(numpy.array(each, dtype=numpy.float64), known) for each in (one, two)]
    assert histogram.merge_numeric(*parts) == histogram.numeric(numpy.array(one + two, dtype=numpy.float64), known)


@given(WORDS, WORDS, WORDS)
def test_category_summaries_merge_to_that_of_all_rows(
    before: list[str | None], one: list[str | None], two: list[str | None]
) -> None:
    known = reference.categorical(numpy.array(before, dtype=object), top=3)
    parts = [histogram.categorical(numpy.array(each, dtype=object), known) for each in (one, two)]
    merged = histogram.merge_categorical(*parts)
    assert merged == histogram.categorical(numpy.array(one + two, dtype=object), known)
    assert merged.rows == len(one + two)


def test_many_new_categories_stay_counted_and_the_summary_small() -> None:
    known = reference.categorical(numpy.array(["a"], dtype=object))
    made = histogram.categorical(numpy.array([f"new-{number}" for number in range(500)], dtype=object), known)
    assert made.new == 500
    assert len(made.unseen) == histogram.NAMED


@pytest.mark.parametrize(("shift", "base"), [(0.0, 0.5), (-2.0, 0.2), (-7.0, 0.001)])
def test_score_labels_are_exact_in_losses_and_near_in_auc(shift: float, base: float) -> None:
    random = numpy.random.default_rng(3)
    target = (random.random(40_000) < base).astype(numpy.float64)
    score = 1.0 / (1.0 + numpy.exp(-(random.normal(size=40_000) + 1.2 * target + shift)))
    act = score >= 0.5
    costs = project.CostsPart(false_positive=2.0, false_negative=10.0)
    days = numpy.array_split(numpy.arange(40_000), 7)
    merged = score_labels.ScoreLabels(rows=0, sums={})
    for day in days:
        part = score_labels.summarise(target[day], score[day], Task.BINARY, act[day], costs)
        merged = score_labels.merge(merged, msgspec.json.decode(msgspec.json.encode(part), type=type(part)))
    assert merged.rows == 40_000
    assert merged.mean("log_loss") == pytest.approx(log_loss.log_loss(target, score), rel=1e-12)
    assert merged.mean("brier") == pytest.approx(brier.brier(target, score), rel=1e-12)
    assert merged.mean("cost_per_row") == pytest.approx(cost.per_row(target, act, costs), rel=1e-12)
    assert score_labels.auc(merged) == pytest.approx(auc.auc(target, score), abs=1e-3)


@given(some.lists(some.tuples(some.booleans(), some.floats(0.0, 1.0)), max_size=50))
@settings(deadline=None)
def test_any_scores_make_a_summary(pairs: list[tuple[bool, float]]) -> None:
    target = numpy.array([float(label) for label, _ in pairs], dtype=numpy.float64)
    score = numpy.array([value for _, value in pairs], dtype=numpy.float64)
    made = score_labels.summarise(target, score, Task.BINARY)
    assert made.rows == len(pairs)
    assert sum(number for _, number in made.positive + made.negative) == len(pairs)


def test_summaries_of_different_kinds_do_not_merge() -> None:
    one = score_labels.summarise(numpy.array([1.0]), numpy.array([0.5]), Task.BINARY)
    two = score_labels.summarise(numpy.array([1.0]), numpy.array([0.5]), Task.REGRESSION)
    assert two.mean("mae") == 0.5
    with pytest.raises(Invalid):
        score_labels.merge(one, two)
