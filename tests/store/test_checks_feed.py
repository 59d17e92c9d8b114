"""Checks of the feed: rows that come no more, or twice, or all alike; and outcomes that come otherwise than before."""

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from podium.core import project, reference, window
from podium.core.check import Check, CheckKind, CheckState
from podium.measures.drift import reference as references
from podium.monitor.alerts import store as alert_rows
from podium.monitor.checks import actions, feed, finding, outcomes
from podium.monitor.checks import inputs as columns
from podium.monitor.checks.against import Against
from podium.store.store import Store
from tests import production
from tests.store import test_checks_asked as asked
from tests.store import test_checks_inputs as inputs

HOUR_US = 3_600_000_000
SPAN = window.Window(0, 24 * HOUR_US)


def scored(at_us: list[int], keys: list[str | None]) -> pa.Table:
    return pa.table({"at": pa.array(at_us, pa.timestamp("us", "UTC")), "key": pa.array(keys, pa.string())})


def look(table: pa.Table, **limits: Any) -> dict[str, tuple[finding.Finding, CheckState]]:
    found = list(feed.of_rows(table, SPAN, project.MonitorPart(min_rows=3, **limits)))
    return {each.measure: (each, state) for each, state in zip(found, finding.states(found), strict=True)}


def test_by_default_the_feed_is_not_looked_at() -> None:
    assert look(scored([0], ["a"])) == {}


@pytest.mark.parametrize(("newest_us", "state"), [(18 * HOUR_US, CheckState.OK), (18 * HOUR_US - 1, CheckState.BROKEN)])
def test_the_newest_row_may_be_as_old_as_allowed(newest_us: int, state: CheckState) -> None:
    (found, said) = look(scored([0, newest_us], ["a", "b"]), max_age="6h")["age_hours"]
    assert found.value == pytest.approx(6.0, abs=1e-6)
    assert (said, found.limit) == (state, 6.0)


def test_a_feed_without_a_row_is_as_old_as_the_window() -> None:
    found, said = look(scored([], []), max_age="24h")["age_hours"]
    assert (said, found.value, found.rows) == (CheckState.BROKEN, 24.0, 0)
    assert found.said == "no row came in this window"


def test_keys_that_come_again_are_counted_and_those_that_are_not_known_are_not() -> None:
    keys = ["a", "b", "a", "a", None, None, "c", "d", "e", "f", "g", "h"]
    found, said = look(scored(list(range(12)), keys), duplicates=0.1)["duplicates"]
    assert found.value == pytest.approx(0.2)
    assert (said, found.said) == (CheckState.BROKEN, "2 rows whose key came before")
    assert look(scored(list(range(12)), keys), duplicates=0.2)["duplicates"][1] is CheckState.OK
    assert look(scored([1, 2], ["a", "a"]), duplicates=0.1)["duplicates"][1] is CheckState.NOT_ENOUGH_DATA
    assert look(scored([1, 2, 3], [None] * 3), duplicates=0.1)["duplicates"][1] is CheckState.NOT_ENOUGH_DATA


def test_a_feature_that_has_one_value_only_is_told() -> None:
    wind, colour = inputs.rows(1_000, 1)
    quiet = inputs.look(wind, colour, constant=True)
    assert quiet["constant", "wind"][1] is quiet["constant", "colour"][1] is CheckState.OK
    found = inputs.look(np.full(1_000, 10.0), np.full(1_000, "red", dtype=object), constant=True)
    assert {("constant", "wind"), ("constant", "colour")} <= inputs.broken(found)
    assert found["constant", "wind"][0].said == "always 10 now"
    two = colour.copy()
    two[:] = "red"
    two[0] = "never seen"
    assert ("constant", "colour") not in inputs.broken(inputs.look(wind, two, constant=True))


def test_a_value_that_most_rows_always_had_is_no_news() -> None:
    """A thousand rows of a column that is red in 99.9 % of training are often all red."""
    before = msgspec.structs.replace(
        inputs.trained(),
        categorical={"colour": reference.CategoryReference(counts={"red": 9_990, "blue": 10}, other=0, nulls=0)},
    )
    wind = inputs.rows(1_000, 1)[0]
    limits = project.MonitorPart(min_rows=100, constant=True)
    summary = inputs.summary(wind, np.full(1_000, "red", dtype=object), before)
    found = [
        each for each in columns.of_columns(summary, before, limits, Against(before)) if each.measure == "constant"
    ]
    assert [(each.column, each.over) for each in found] == [("wind", False), ("colour", True)]
    assert finding.states(found) == [CheckState.OK, CheckState.OK]


def outcome(target: Any, before: reference.NumericReference, **limits: Any) -> tuple[finding.Finding, CheckState]:
    known = msgspec.structs.replace(inputs.trained(), target=before)
    (found,) = outcomes.of_target(
        target, known, project.MonitorPart(**{"min_rows": 100, "outcome_psi": 0.05, **limits})
    )
    return found, finding.states([found])[0]


def test_outcomes_that_come_otherwise_are_told_and_quiet_ones_are_not() -> None:
    random = np.random.default_rng(0)
    rate = references.detailed((random.random(5_000) < 0.2).astype(float))
    for seed in range(50):
        quiet = (np.random.default_rng(seed).random(800) < 0.2).astype(float)
        assert outcome(quiet, rate)[1] is CheckState.OK
    found, said = outcome((random.random(800) < 0.4).astype(float), rate)
    assert (said, found.measure, found.said[:7]) == (CheckState.BROKEN, "outcome_psi", "rate 21")
    price = references.detailed(random.gamma(2.0, 50.0, 5_000))
    assert outcome(random.gamma(2.0, 50.0, 800), price)[1] is CheckState.OK
    found, said = outcome(random.gamma(2.0, 80.0, 800), price)
    assert (said, found.said.startswith("mean ")) == (CheckState.BROKEN, True)
    assert outcome(random.gamma(2.0, 80.0, 80), price)[1] is CheckState.NOT_ENOUGH_DATA
    wide = msgspec.structs.replace(price, dispersion=200.0)
    known = msgspec.structs.replace(inputs.trained(), target=wide, window_rows=800.0)
    limits = project.MonitorPart(min_rows=100, outcome_psi=0.05)
    assert finding.states(list(outcomes.of_target(random.gamma(2.0, 60.0, 800), known, limits))) == [CheckState.OK]


def test_an_older_reference_says_nothing_of_outcomes() -> None:
    before = inputs.trained()
    (found,) = outcomes.of_target(np.ones(500), before, project.MonitorPart(outcome_psi=0.1))
    assert finding.states([found]) == [CheckState.NOT_ENOUGH_DATA]
    assert outcomes.measured(np.ones(500), "late", before) == ()


def states(found: list[Check], *measures: str) -> dict[str, CheckState]:
    return {each.measure: each.state for each in found if each.measure in measures}


def test_a_window_tells_of_its_feed_and_its_outcomes(store: Store, clock: Any) -> None:
    """The first window is quiet; in the second every flight is late more often; in the third nothing comes any more."""
    document = production.start(
        store,
        asked.wanted(outcome_psi=0.05, max_age="1d", duplicates=0.01, constant=True, performance_drop=0, cost_rise=0),
    )
    for day in range(6):
        known_us = production.days([day])[0] - 1
        asked.log(store, document, day, known_us=known_us, worse=0.0 if day < 3 else 2.0)
    names = ("outcome_psi", "age_hours", "duplicates", "constant")
    assert set(states(asked.close(store, clock, 2), *names).values()) == {CheckState.OK}
    second = states(asked.close(store, clock, 5), *names)
    assert second == dict.fromkeys(names, CheckState.OK) | {"outcome_psi": CheckState.BROKEN}
    shown = {each.column: each for each in actions.measures(store, production.SYSTEM, "delay").columns}
    assert (shown["late"].kind, shown["late"].rows, shown["late"].measures["ks"] > 0.2) == ("outcome", 1200, True)
    third = asked.close(store, clock, 9)
    assert states(third, *names)["age_hours"] is CheckState.BROKEN
    assert {each.state for each in third if each.measure == "psi"} == {CheckState.NOT_ENOUGH_DATA}
    with store.read() as connection:
        told = {each.kind: each.message for each in alert_rows.list_all(connection, "flights")}
    assert "outcome_psi" in told["outcome-drift"]
    assert "rate" in told["outcome-drift"]
    assert "no row came in this window" in told["quality"]
    assert CheckKind.OUTCOME_DRIFT in told
