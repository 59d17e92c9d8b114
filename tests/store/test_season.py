"""A reference that follows the season: patterns by weekday and hour raise nothing, and what breaks them does."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from podium.core import check, time, window
from podium.core.check import CheckKind, CheckState
from podium.monitor.checks import closing, matching, summaries
from podium.monitor.checks import store as rows
from podium.monitor.intake import compaction
from podium.store.store import Store
from tests import production

DAY_US = production.DAY_US
HOUR_US = DAY_US // 24
ROWS = 300


def rules(reference: str, length: str = "1d", **more: Any) -> Any:
    extra = {} if reference == "training" else {"reference_windows": 3}
    return production.spec(monitor={"min_rows": 100, "window": length, "reference": reference, **extra, **more})


def weekend(day: int) -> float:
    """Much longer flights on Saturdays and Sundays; the first day is a Friday."""
    return 900.0 if day % 7 in (1, 2) else 0.0


def night() -> Any:
    """Of each of a day's rows: much longer flights in its second half."""
    return np.where(np.arange(ROWS) < ROWS // 2, 0.0, 900.0)


def log(store: Store, document: Any, days: Sequence[int], shift: Any = weekend) -> None:
    for day in days:
        how = shift(day) if callable(shift) else shift
        one = production.traffic(store, document, ROWS, day=day, shift=how, seed=day)
        production.send(store, one.table, f"day-{day}-{document.number}")


def close(store: Store, clock: Any, end_us: int) -> list[check.Check]:
    clock.now = time.from_us(end_us)
    compaction.compact(store, "flights", "delay")
    closing.close(store, production.SYSTEM, production.place_of(store), production.model_of(store), end_us)
    with store.read() as connection:
        return rows.list_checks(connection, "flights", "delay", end_us=end_us)


def drifted(found: list[check.Check]) -> set[str | None]:
    return {each.column for each in found if each.kind is CheckKind.DRIFT and each.state is CheckState.BROKEN}


def ends(days: Sequence[int]) -> list[int]:
    return list(production.days(days))


@pytest.mark.parametrize(("reference", "alarms"), [("training", {"distance"}), ("week", set())])
def test_weekends_that_are_always_so_alarm_only_against_training(
    store: Store, clock: Any, reference: str, alarms: set[str]
) -> None:
    document = production.start(store, rules(reference))
    log(store, document, range(28))
    for end_us in ends(range(21, 28)):
        saturday_or_sunday = (end_us - production.START_US) // DAY_US - 1 in (22, 23)
        found = close(store, clock, end_us)
        assert drifted(found) == (alarms if saturday_or_sunday else set()), end_us
        assert all(each.state is not CheckState.NOT_ENOUGH_DATA for each in found if each.kind is CheckKind.DRIFT)


@pytest.mark.parametrize(("reference", "alarms"), [("training", {"distance"}), ("day", set())])
def test_nights_that_are_always_so_alarm_only_against_training(
    store: Store, clock: Any, reference: str, alarms: set[str]
) -> None:
    document = production.start(store, rules(reference, "12h"))
    log(store, document, range(5), night())
    (end_us,) = ends([4])
    assert drifted(close(store, clock, end_us - 12 * HOUR_US)) == set()
    assert drifted(close(store, clock, end_us)) == alarms


@pytest.mark.parametrize(
    ("reference", "seen", "alarms"),
    [("training", 900.0, {"distance"}), ("year", 900.0, set()), ("year", 0.0, {"distance"})],
)
def test_weeks_that_were_so_a_year_ago_alarm_only_against_training(
    store: Store, clock: Any, reference: str, seen: float, alarms: set[str]
) -> None:
    document = production.start(store, rules(reference))
    log(store, document, [29, 36, 43], lambda _day: 900.0)
    log(store, document, [380, 390], lambda _day: 0.0)
    log(store, document, [400], lambda _day: seen)
    found = close(store, clock, ends([400])[0])
    assert drifted(found) == alarms
    assert all(each.state is not CheckState.NOT_ENOUGH_DATA for each in found if each.kind is CheckKind.DRIFT)


def test_a_weekend_that_is_not_as_weekends_are_is_found(store: Store, clock: Any) -> None:
    """By training's measure it is an ordinary day."""
    document = production.start(store, rules("week"))
    log(store, document, range(22))
    log(store, document, [22], lambda _day: 0.0)
    found = close(store, clock, ends([22])[0])
    assert drifted(found) == {"distance"}
    (scores,) = [each for each in found if each.kind is CheckKind.SCORE_DRIFT]
    assert scores.state is CheckState.BROKEN


def test_without_such_history_there_is_not_enough_data(store: Store, clock: Any) -> None:
    document = production.start(store, rules("week"))
    log(store, document, range(15))
    found = close(store, clock, ends([14])[0])
    kinds = (CheckKind.DRIFT, CheckKind.SCORE_DRIFT, CheckKind.QUALITY)
    of_inputs = [each for each in found if each.kind in kinds]
    assert len(of_inputs) == 5
    assert {each.state for each in of_inputs} == {CheckState.NOT_ENOUGH_DATA}
    assert {each.value for each in of_inputs} == {None}


def subject(store: Store, version: int = 1) -> summaries.Subject:
    owner = production.model_of(store)
    known = closing.reference_of(store, owner, version)
    return summaries.Subject(project="flights", endpoint="delay", model=owner, version=version, reference=known)


def test_what_comes_later_changes_nothing(store: Store, clock: Any) -> None:
    """Neither the window's own rows nor those after it are part of its reference."""
    document = production.start(store, rules("week"))
    log(store, document, range(21))
    (end_us,) = ends([21])
    span = window.Window(end_us - DAY_US, end_us)
    clock.now = time.from_us(end_us - DAY_US)
    compaction.compact(store, "flights", "delay")
    before = matching.reference_of(store, subject(store), span)
    assert before is not None
    assert before.reference.rows == 3 * ROWS
    assert before.reference.window_rows == ROWS
    log(store, document, range(21, 30), 5000.0)
    clock.now = time.from_us(end_us + 9 * DAY_US)
    compaction.compact(store, "flights", "delay")
    assert matching.reference_of(store, subject(store), span) == before


def test_features_go_back_before_a_version_scores_only_to_its_own(store: Store, clock: Any) -> None:
    """A new champion finds the endpoint's history of features; its scores have one once it has scored for three weeks,
    be it as a shadow."""
    first = production.start(store, rules("week"))
    log(store, first, range(21))
    second = production.register_version(store, -0.5)
    document = production.serve(store, second)
    log(store, document, [21])
    found = close(store, clock, ends([21])[0])
    states = {(each.kind, each.column): each.state for each in found if each.measure == "psi"}
    assert states[CheckKind.DRIFT, "distance"] is CheckState.OK
    assert states[CheckKind.SCORE_DRIFT, None] is CheckState.NOT_ENOUGH_DATA


def test_a_shadows_scores_are_its_history(store: Store, clock: Any) -> None:
    document = production.start(store, rules("week"), challenger=-0.5)
    log(store, document, range(22))
    clock.now = time.from_us(ends([21])[0])
    compaction.compact(store, "flights", "delay")
    (end_us,) = ends([21])
    found = matching.reference_of(store, subject(store, 2), window.Window(end_us - DAY_US, end_us))
    assert found is not None
    assert found.reference.rows == sum(found.reference.score.counts) == 3 * ROWS
