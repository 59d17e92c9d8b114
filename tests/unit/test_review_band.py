import numpy as np
import pytest

from podium.core import project
from podium.core.errors import Invalid
from podium.measures.business import review, threshold

COSTS = project.CostsPart(false_positive=2.0, false_negative=5.0, true_positive=-0.5)


def brute_force(target: np.ndarray, score: np.ndarray, look: float) -> float:
    """The least cost per row over every band round the threshold."""
    cut = threshold.choose(target, score, COSTS).threshold
    ends = [0.0, *np.unique(score).tolist(), 1.1]
    best = np.inf
    for low in [cut, *(end for end in ends if end <= cut)]:
        for high in [cut, *(end for end in ends if end >= cut)]:
            inside = (score >= low) & (score < high)
            right = np.where(target == 1, COSTS.true_positive, COSTS.true_negative)
            acted = np.where(target == 1, COSTS.true_positive, COSTS.false_positive)
            idle = np.where(target == 1, COSTS.false_negative, COSTS.true_negative)
            paid = np.where(inside, right + look, np.where(score >= cut, acted, idle))
            best = min(best, float(paid.mean()))
    return best


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("look", [0.1, 0.7, 3.0, 50.0])
def test_no_other_band_round_the_threshold_costs_less(seed: int, look: float) -> None:
    random = np.random.default_rng(seed)
    score = random.random(40).round(2)
    target = (random.random(40) < score).astype(np.float64)
    found = review.choose(target, score, COSTS, look)
    assert found.cost_per_row == pytest.approx(brute_force(target, score, look))
    inside = np.zeros(40, dtype=bool)
    if found.band is not None:
        inside = (score >= found.band.low) & (score < found.band.high)
        assert [found.band.refers(one) for one in score] == inside.tolist()
        cut = threshold.choose(target, score, COSTS).threshold
        assert found.band.low <= cut <= found.band.high
    assert found.share == pytest.approx(inside.mean())
    assert review.share(score, found.band) == found.share


def test_a_look_dearer_than_any_mistake_refers_nothing() -> None:
    found = review.choose([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9], COSTS, 100.0)
    assert found.band is None
    assert found.share == 0.0
    assert found.cost_per_row == threshold.choose([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9], COSTS).cost_per_row


def test_a_look_costs_something() -> None:
    with pytest.raises(Invalid):
        review.choose([0, 1], [0.1, 0.9], COSTS, 0.0)
