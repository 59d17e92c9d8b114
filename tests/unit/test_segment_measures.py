"""Segments: conditions, any measure by any slice, the search for the worst, and what tells about errors."""

import math
from typing import Any

import numpy
import pytest
import scipy.stats

from podium.core.errors import Invalid
from podium.measures.performance import by_name
from podium.measures.segments import by_slice, condition, errors, worst


def columns(random: numpy.random.Generator, count: int) -> dict[str, Any]:
    noise = {f"noise{at}": random.normal(size=count) for at in range(6)}
    words = {f"word{at}": random.choice(["a", "b", "c", "d"], count).astype(object) for at in range(3)}
    return {
        **noise,
        **words,
        "age": random.uniform(18, 80, count),
        "sex": random.choice([True, False], count).astype(object),
    }


def test_conditions_in_words_and_rows() -> None:
    x = numpy.array([1.0, 2.0, 3.0, 4.0, math.nan])
    parts = condition.atoms({"x": x})
    assert [str(each) for each in parts] == ["x ≤ 1", "1 < x ≤ 2", "2 < x ≤ 3", "x > 3", "x is missing"]
    held = numpy.stack([condition.holds(each, x) for each in parts])
    assert held.sum(axis=0).tolist() == [1] * 5
    ready = condition.ready({"c": numpy.array(["a", None, True, "a", math.nan], dtype=object)})
    parts = condition.atoms(ready)
    assert [str(each) for each in parts] == ["c = a", "c = true", "c is missing"]
    assert [int(condition.holds(each, ready["c"]).sum()) for each in parts] == [2, 1, 2]
    assert condition.atoms({"one": numpy.ones(5), "none": numpy.full(5, math.nan)}) == ()
    with pytest.raises(Invalid):
        condition.atoms({"x": x, "y": numpy.ones(3)})
    with pytest.raises(Invalid):
        condition.together([], {})


def test_any_measure_by_slice() -> None:
    random = numpy.random.default_rng(1)
    place = random.choice(["north", "south"], 2000, p=[0.98, 0.02]).astype(object)
    target = (random.random(2000) < 0.4).astype(float)
    score = random.random(2000)
    for name in ("auc", "log_loss", "recall"):
        measure = by_name.find(name)
        found = by_slice.by_slice(measure, target, score, place, 0.5)
        assert [(each.name, each.greyed) for each in found] == [("north", False), ("south", True)]
        north = place == "north"
        assert found[0].value == measure.interval(target[north], score[north], 0.5)
        assert sum(each.rows for each in found) == 2000


def test_the_planted_segment_is_found_and_no_other() -> None:
    random = numpy.random.default_rng(2)
    made = columns(random, 20_000)
    bad = (made["age"] > 64.5) & (made["word1"] == "b")
    losses = random.exponential(1.0, 20_000) + 0.8 * bad
    found = worst.worst(made, losses)
    assert {each.column for each in found[0].conditions} == {"age", "word1"}
    assert found[0].excess.low > 0.4
    inside = condition.together(found[0].conditions, condition.ready(made))
    assert (inside & bad).sum() / (inside | bad).sum() > 0.9
    for each in found:
        assert (condition.together(each.conditions, condition.ready(made)) & bad).sum() > 100


def test_a_bad_category_is_found_as_itself() -> None:
    random = numpy.random.default_rng(3)
    made = columns(random, 8000)
    losses = random.random(8000) + 0.3 * (made["sex"] == True)  # noqa: E712 - an array of objects
    found = worst.worst(made, losses)
    assert str(found[0]) == "sex = true"
    assert found[0].excess.low < 0.3 < found[0].excess.high


def test_where_nothing_is_wrong_nothing_is_found() -> None:
    """Hundreds of segments looked at, 100 times: something false is said in about 5 % of them at most."""
    wrong = 0
    for seed in range(100):
        random = numpy.random.default_rng(seed)
        wrong += bool(worst.worst(columns(random, 2000), random.exponential(1.0, 2000), seed=seed))
    assert wrong <= 10


def test_too_few_rows_and_bad_input() -> None:
    random = numpy.random.default_rng(0)
    assert worst.worst(columns(random, 150), random.random(150)) == ()
    assert worst.worst({}, random.random(1000)) == ()
    assert worst.worst({"x": numpy.ones(1000)}, random.random(1000)) == ()
    assert worst.worst({"x": random.random(1000)}, numpy.ones(1000)) == ()
    with pytest.raises(Invalid):
        worst.worst({"x": numpy.ones(3)}, [1.0])
    with pytest.raises(Invalid):
        worst.worst({"x": numpy.ones(1)}, [math.nan])


def test_what_tells_about_errors() -> None:
    random = numpy.random.default_rng(5)
    made = columns(random, 5000)
    losses = random.random(5000) + 1.5 * (made["word0"] == "c") + 0.2 * (made["age"] > 50)
    found = errors.features(made, losses)
    assert [each.column for each in found[:2]] == ["word0", "age"]
    assert str(found[0].worst) == "word0 = c"
    assert found[0].share > 0.7
    assert all(each.share < 0.005 for each in found[2:])
    groups = [losses[made["word0"] == each] for each in "abcd"]
    statistic, _ = scipy.stats.f_oneway(*groups)
    share = 3 * (statistic - 1) / (3 * (statistic - 1) + 5000)
    assert found[0].share == pytest.approx(share)
    assert errors.features({"x": numpy.ones(10)}, numpy.arange(10.0)) == ()
    assert errors.features({"x": numpy.arange(10.0)}, numpy.ones(10)) == ()
    assert errors.worst_rows([1.0, 5.0, 2.0, 5.0], 3) == (1, 3, 2)


def test_error_p_values_are_scipys() -> None:
    random = numpy.random.default_rng(6)
    place = random.choice(["a", "b", "c"], 20_000).astype(object)
    losses = random.random(20_000) + 0.01 * (place == "a")
    expected = scipy.stats.f_oneway(*(losses[place == each] for each in "abc")).pvalue
    assert errors.features({"place": place}, losses)[0].p_value == pytest.approx(expected, rel=0.01)
