"""Checks of features by the measures of `podium check`: rows that moved, the range, categories gone; and words."""

from typing import Any

import msgspec
import numpy as np
import pytest

from podium.core import project, reference
from podium.core.check import CheckState
from podium.measures.comparison import categorical, numeric
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram, score_labels
from podium.monitor.alerts import store as alert_rows
from podium.monitor.checks import finding, inputs
from podium.monitor.checks.against import Against
from podium.monitor.checks.summary import Summary
from podium.store.store import Store
from tests import production
from tests.store import test_season as season

COLOURS = np.array(["red", "green", "blue", "grey"], dtype=object)


def rows(count: int, seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.normal(10.0, 3.0, count), COLOURS[random.integers(0, 4, count)]


def trained(spread: float = 1.0) -> reference.Reference:
    wind, colour = rows(20_000, 0)
    numbers = msgspec.structs.replace(references.numeric(wind), dispersion=spread)
    words = msgspec.structs.replace(references.categorical(colour), dispersion=spread)
    return reference.Reference(
        rows=20_000,
        numeric={"wind": numbers},
        categorical={"colour": words},
        score=references.numeric(np.linspace(0, 1, 1000)),
        metrics={},
        cost_per_row=None,
        window_rows=1_000,
    )


def summary(wind: Any, colour: Any, before: reference.Reference) -> Summary:
    return Summary(
        rows=len(wind),
        numeric={"wind": histogram.numeric(wind, before.numeric["wind"])},
        categorical={"colour": histogram.categorical(colour, before.categorical["colour"])},
        score=histogram.numeric(np.linspace(0, 1, len(wind)), before.score),
        labels=score_labels.ScoreLabels(rows=0, sums={}),
        as_of_us=0,
    )


def look(wind: Any, colour: Any, spread: float = 1.0, **limits: float) -> dict[tuple[str, str | None], Any]:
    before = trained(spread)
    part = project.MonitorPart(min_rows=100, **{"drift_moved": 0.05, "out_of_range": 0.01, "vanished": 0.01, **limits})  # type: ignore[arg-type]
    found = list(inputs.of_columns(summary(wind, colour, before), before, part, Against(before)))
    states = finding.states(found)
    return {(each.measure, each.column): (each, state) for each, state in zip(found, states, strict=True)}


def broken(found: dict[tuple[str, str | None], Any]) -> set[tuple[str, str | None]]:
    return {key for key, (_, state) in found.items() if state is CheckState.BROKEN}


def test_by_default_nothing_is_asked_for() -> None:
    found = look(*rows(1_000, 1), drift_moved=0.0, out_of_range=0.0, vanished=0.0)
    assert {measure for measure, _ in found} == {"psi", "missing_rate", "new_categories"}


def test_rows_like_training_break_nothing() -> None:
    for seed in range(1, 30):
        assert broken(look(*rows(1_000, seed))) == set(), seed


def test_the_effect_is_that_of_podium_check() -> None:
    """A shift of a third of a deviation is below the index's limit, and above the share of rows."""
    wind, colour = rows(2_000, 1)
    found = look(wind + 1.0, colour)
    assert broken(found) == {("moved", "wind")}
    before = trained()
    same = numeric.measures(before.numeric["wind"], histogram.numeric(wind + 1.0, before.numeric["wind"]))
    assert found["moved", "wind"][0].value == same["ks"]
    assert found["moved", "wind"][0].said == "mean 10.01 → 10.96"
    other = categorical.measures(
        before.categorical["colour"], histogram.categorical(colour, before.categorical["colour"])
    )
    assert found["moved", "colour"][0].value == other["moved"]


def test_windows_that_differ_while_quiet_are_believed_less() -> None:
    wind, colour = rows(1_000, 1)
    assert broken(look(wind + 0.9, colour)) == {("moved", "wind")}
    assert broken(look(wind + 0.9, colour, spread=30.0)) == set()
    gone = colour.copy()
    gone[gone == "grey"] = "red"
    assert ("vanished", "colour") in broken(look(wind, gone, spread=30.0))


def test_values_that_training_never_saw_are_out_of_its_range() -> None:
    wind, colour = rows(1_000, 1)
    wind[:30] = 500.0
    found = look(wind, colour)
    assert ("out_of_range", "wind") in broken(found)
    assert found["out_of_range", "wind"][0].value == pytest.approx(0.03)
    wind[:30] = 10.0
    wind[:1] = 500.0
    assert broken(look(wind, colour)) == set()


def test_a_category_that_no_longer_comes_is_told_with_its_name() -> None:
    wind, colour = rows(1_000, 1)
    colour[colour == "grey"] = "red"
    found = look(wind, colour, drift_psi=10.0, drift_moved=0.0)
    assert broken(found) == {("vanished", "colour")}
    assert found["vanished", "colour"][0].value == pytest.approx(0.25, abs=0.02)
    assert found["vanished", "colour"][0].said.startswith("gone: grey 25%")


def test_too_few_rows_say_nothing() -> None:
    wind, colour = rows(50, 1)
    assert {state for _, state in look(wind + 50.0, colour).values()} == {CheckState.NOT_ENOUGH_DATA}


def test_an_alert_says_in_words_what_changed(store: Store, clock: Any) -> None:
    document = production.start(store, season.rules("training", drift_moved=0.1))
    season.log(store, document, [0], lambda _day: 900.0)
    found = season.close(store, clock, season.ends([0])[0])
    (moved,) = [each for each in found if (each.measure, each.column) == ("moved", "distance")]
    assert moved.state is CheckState.BROKEN
    assert moved.said.startswith("mean ")
    with store.read() as connection:
        (told,) = [each for each in alert_rows.list_all(connection, "flights") if each.kind == "drift"]
    assert f"; {moved.said})" in told.message
