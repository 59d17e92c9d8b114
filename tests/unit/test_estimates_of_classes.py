"""Estimates among several classes: equal to what outcomes drawn from the chances give on average, and how sure."""

import numpy as np
import pytest

from podium.measures.estimates import cbpe, cbpe_classes, isotonic
from podium.measures.performance.multiclass import named


def scores(count: int, seed: int, spread: float = 2.0) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Probabilities of three classes that are right."""
    sums = np.random.default_rng(seed).normal(0.0, spread, (count, 3)) + np.array([0.6, 0.0, -0.4])
    each = np.exp(sums)
    return np.asarray(each / each.sum(axis=1, keepdims=True))


def drawn(
    chance: np.ndarray[tuple[int, int], np.dtype[np.float64]], seed: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    places = np.random.default_rng(seed).random(len(chance))[:, None] > np.cumsum(chance, axis=1)[:, :-1]
    return np.asarray(places.sum(axis=1), dtype=np.float64)


@pytest.mark.parametrize("name", cbpe_classes.ESTIMATORS)
def test_the_interval_holds_what_is_realised_as_often_as_it_says(name: str) -> None:
    chance = scores(800, 1)
    found = cbpe_classes.cbpe_classes(cbpe_classes.ESTIMATORS[name], chance, [None] * 3)
    assert found is not None
    realised = [named.find(name).value(drawn(chance, seed), chance) or 0.0 for seed in range(400)]
    assert found.value == pytest.approx(np.mean(realised), abs=float(4 * np.std(realised) / 20))
    held = np.mean([found.low <= each <= found.high for each in realised])
    assert 0.93 <= held <= 0.97


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "macro_auc", "macro_f1", "brier"])
def test_of_two_classes_it_is_the_estimate_of_two(name: str) -> None:
    chance = scores(300, 3)[:, :2]
    chance = chance / chance.sum(axis=1, keepdims=True)
    found = cbpe_classes.cbpe_classes(cbpe_classes.ESTIMATORS[name], chance, [None, None])
    same = {"macro_auc": "auc"}.get(name, name)
    if name == "macro_f1":
        turned = [cbpe.cbpe(cbpe.ESTIMATORS["f1"], each, None) for each in (chance[:, 0], chance[:, 1])]
        assert found is not None
        assert found.value == pytest.approx(np.mean([each.value for each in turned if each]))
        return
    other = cbpe.cbpe(cbpe.ESTIMATORS[same], chance[:, 1], None)
    assert found is not None
    assert other is not None
    times = 2.0 if name == "brier" else 1.0
    assert found.value == pytest.approx(times * other.value)
    assert found.high - found.low == pytest.approx(times * (other.high - other.low), rel=1e-9)


def test_lines_set_each_class_right_and_chances_sum_to_one() -> None:
    right = scores(40_000, 5)
    said = np.sqrt(right) / np.sqrt(right).sum(axis=1, keepdims=True)
    target = drawn(right, 6)
    lines = [isotonic.fit(target == at, said[:, at]) for at in range(3)]
    fresh = scores(5_000, 7)
    told = np.sqrt(fresh) / np.sqrt(fresh).sum(axis=1, keepdims=True)
    chance = cbpe_classes.chances(lines, told)
    np.testing.assert_allclose(chance.sum(axis=1), 1.0)
    found = cbpe_classes.cbpe_classes(cbpe_classes.surprise, told, lines)
    plain = cbpe_classes.cbpe_classes(cbpe_classes.surprise, told, [None] * 3)
    realised = named.find("log_loss").value(drawn(fresh, 8), told)
    assert found is not None
    assert plain is not None
    assert realised is not None
    assert found.low <= realised <= found.high
    assert abs(found.value - realised) < abs(plain.value - realised)


def test_a_class_without_any_chance_has_no_area() -> None:
    chance = np.array([[0.5, 0.5, 0.0], [0.25, 0.75, 0.0]])
    assert cbpe_classes.macro_auc(chance, chance) is None
    assert cbpe_classes.cbpe_classes(cbpe_classes.accuracy, np.empty((0, 3)), [None] * 3) is None
