"""Direct loss estimation in a known world: over many references and windows the interval holds what comes true, or is
hidden."""

from typing import Any, NamedTuple

import numpy
import pytest

from podium.core import reference
from podium.measures.drift import reference as references
from podium.measures.estimates import dle, loss_model, support
from podium.measures.performance import by_name, interval
from podium.measures.sketch import histogram

REFERENCES, WINDOWS, ROWS = 5, 10, 900
SPLIT = 2_500
"""Rows of the test split."""


class World(NamedTuple):
    features: Any
    score: Any
    target: Any


def drawn(random: numpy.random.Generator, count: int, longer: float = 1.0, mostly: float = 1 / 3) -> World:
    """Errs more the longer the way, most with the first of three carriers."""
    way = random.gamma(2.0, 300.0, count) * longer
    carrier = random.choice(3, count, p=[mostly, (1 - mostly) / 2, (1 - mostly) / 2])
    score = 60.0 + way * 0.1
    spread = (2.0 + way * 0.02) * numpy.where(carrier == 0, 2.0, 1.0)
    return World(numpy.column_stack([way, carrier, score]), score, score + random.normal(size=count) * spread)


def hidden(before: World, now: World) -> bool:
    known = references.detailed(before.features[:, 0])
    words = [numpy.array([str(each) for each in side.features[:, 1]], dtype=object) for side in (before, now)]
    kinds = references.categorical(words[0])
    whole = reference.Reference(
        rows=SPLIT, numeric={"way": known}, categorical={"carrier": kinds}, score=known, metrics={}, cost_per_row=None
    )
    way, carrier = histogram.numeric(now.features[:, 0], known), histogram.categorical(words[1], kinds)
    return bool(support.thin({"way": way}, {"carrier": carrier}, whole))


@pytest.fixture(scope="module", params=["mae", "rmse"])
def learned(request: pytest.FixtureRequest) -> tuple[str, list[tuple[World, Any]]]:
    name = str(request.param)
    losses = by_name.find(name).losses
    assert losses is not None
    made = []
    for number in range(REFERENCES):
        before = drawn(numpy.random.default_rng([1, number]), SPLIT)
        made.append((before, loss_model.fit(before.features, losses(before.target, before.score, 0.0))))
    return name, made


def held(learned: tuple[str, list[tuple[World, Any]]], **how: float) -> tuple[float, float]:
    """Of what share of the windows the interval holds the truth, and what share is hidden."""
    name, made = learned
    right, away, windows = 0, 0, 0
    for number, (before, model) in enumerate(made):
        for window in range(WINDOWS):
            now = drawn(numpy.random.default_rng([2, number, window]), ROWS, **how)
            found = dle.dle(loss_model.predict(model, now.features))
            found = interval.root(found) if name == "rmse" else found
            truth = by_name.find(name).value(now.target, now.score)
            assert found is not None
            assert truth is not None
            right += found.low <= truth <= found.high
            away += hidden(before, now)
            windows += 1
    return right / windows, away / windows


@pytest.mark.parametrize("how", [{}, {"longer": 1.2}, {"mostly": 0.8}], ids=["quiet", "longer", "carrier"])
def test_where_it_is_shown_the_interval_holds(
    learned: tuple[str, list[tuple[World, Any]]], how: dict[str, float]
) -> None:
    """Fifty windows against five references: 95 % within what so few tell."""
    right, away = held(learned, **how)
    assert right >= 0.9
    assert away == 0.0


def test_where_it_would_not_hold_it_is_hidden(learned: tuple[str, list[tuple[World, Any]]]) -> None:
    right, away = held(learned, longer=2.5)
    assert right < 0.85
    assert away == 1.0
