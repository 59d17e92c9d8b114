"""Checks that a project asks for: estimates, complete cohorts, fairness, segments, more metrics, selective outcomes."""

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from podium.core import check, prediction, time
from podium.core.check import CheckKind, CheckState
from podium.core.errors import NotFound
from podium.monitor.alerts import store as alert_rows
from podium.monitor.checks import closing, hindsight, maturity
from podium.monitor.checks import store as rows
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction
from podium.store.store import Store
from tests import production


def wanted(**monitor: Any) -> Any:
    metrics = {"primary": "log_loss", "report": ["log_loss", "auc"]}
    return production.spec(monitor={"min_rows": 100, "window": "3d", **monitor}, metrics=metrics)


def log(store: Store, document: Any, day: int, *, known_us: int | None = None, count: int = 400, **how: Any) -> Any:
    made = production.traffic(store, document, count, day=day, **how)
    production.send(store, made.table, f"day-{day}")
    if known_us is not None:
        intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(made, at_us=known_us))
    return made


def close(store: Store, clock: Any, day: int) -> list[check.Check]:
    """The checks of the window that ends with a day."""
    (end_us,) = production.days([day])
    clock.now = time.from_us(end_us)
    compaction.compact(store, "flights", "delay")
    place, owner = production.place_of(store), production.model_of(store)
    closing.close(store, production.SYSTEM, place, owner, end_us)
    with store.read() as connection:
        return rows.list_checks(connection, "flights", "delay", end_us=end_us)


def of(found: list[check.Check], kind: CheckKind) -> list[check.Check]:
    return [each for each in found if each.kind is kind]


def test_nothing_is_asked_for_by_default(store: Store, clock: Any) -> None:
    document = production.start(store, wanted())
    for day in range(3):
        log(store, document, day, known_us=production.days([day])[0] - 1)
    kinds = {each.kind for each in close(store, clock, 2)}
    assert not kinds & {CheckKind.ESTIMATED, CheckKind.FAIRNESS, CheckKind.SEGMENT}


def test_performance_is_estimated_before_outcomes_and_scored_after(store: Store, clock: Any) -> None:
    document = production.start(store, wanted(estimated_drop=0.05, label_window="3d"))
    ends = production.days(range(12))
    for day in range(12):
        log(store, document, day, known_us=ends[min(day + 2, 11)] - 1)
    first = close(store, clock, 2)
    (estimated,) = of(first, CheckKind.ESTIMATED)
    (measured,) = of(first, CheckKind.PERFORMANCE)
    assert estimated.state is CheckState.OK
    assert (measured.state, measured.rows) == (CheckState.NOT_ENOUGH_DATA, 0)
    (later,) = of(close(store, clock, 5), CheckKind.PERFORMANCE)
    assert later.rows == estimated.rows == 1200
    assert later.value is not None
    assert estimated.low is not None
    assert estimated.high is not None
    assert estimated.low <= later.value <= estimated.high
    close(store, clock, 8)
    (score,) = hindsight.of_endpoint(store, production.SYSTEM, "delay")
    assert (score.measure, score.windows, score.held) == ("log_loss", 2, 1.0)
    assert score.error < 0.05
    with pytest.raises(NotFound):
        hindsight.of_endpoint(store, production.SYSTEM, "nowhere")


def test_an_estimate_is_hidden_where_inputs_leave_trainings_support(store: Store, clock: Any) -> None:
    document = production.start(store, wanted(estimated_drop=0.05))
    for day in range(3):
        log(store, document, day, shift=9000.0)
    (estimated,) = of(close(store, clock, 2), CheckKind.ESTIMATED)
    assert (estimated.state, estimated.value) == (CheckState.NOT_ENOUGH_DATA, None)


def test_a_worse_mix_of_inputs_is_told_before_outcomes(store: Store, clock: Any) -> None:
    """Only flights of which the model can say little are left; no outcome is known."""
    document = production.start(store, wanted(estimated_drop=0.02))
    for day in range(3):
        table = production.traffic(store, document, 1500, day=day).table
        unsure = np.abs(table.column("score").to_numpy() - 0.5) < 0.1
        production.send(store, table.filter(unsure), f"day-{day}")
    (estimated,) = of(close(store, clock, 2), CheckKind.ESTIMATED)
    assert estimated.state is CheckState.BROKEN
    assert estimated.reference is not None
    assert estimated.low is not None
    assert estimated.low > estimated.reference


def test_fairness_is_checked_between_groups(store: Store, clock: Any) -> None:
    """Late flights are more often late: acting on them more often is a gap, being calibrated is none."""
    asked = {"fairness": ["demographic_parity", "calibration"], "groups": ["hour"], "fairness_gap": 0.2}
    document = production.start(store, wanted(**asked))
    for day in range(3):
        log(store, document, day, known_us=production.days([day])[0] - 1, count=1500)
    parity, calibration = of(close(store, clock, 2), CheckKind.FAIRNESS)
    assert (parity.measure, parity.column, parity.state) == ("demographic_parity", "hour", CheckState.BROKEN)
    assert (calibration.measure, calibration.state) == ("calibration", CheckState.OK)
    assert parity.low is not None
    assert parity.low > 0.0


def test_a_segment_in_which_the_model_fails_is_named(store: Store, clock: Any) -> None:
    document = production.start(store, wanted(segment_excess=0.3, metrics=["auc"]))
    for day in range(3):
        made = production.traffic(store, document, 1500, day=day)
        hour = made.table.column(prediction.FEATURE_PREFIX + "hour").to_numpy()
        wrong = np.where(hour > 17, 1.0 - (made.table.column("score").to_numpy() >= 0.5), made.late)
        production.send(store, made.table, f"day-{day}")
        known = production.outcomes(msgspec.structs.replace(made, late=wrong), at_us=production.days([day])[0] - 1)
        intake.receive_outcomes(store, production.SYSTEM, "delay", known)
    found = close(store, clock, 2)
    segments = of(found, CheckKind.SEGMENT)
    assert all("hour > 17" in str(each.column) for each in segments)
    with store.read() as connection:
        told = [each for each in alert_rows.list_all(connection, "flights") if "segment" in each.kinds]
    assert told[0].kind == "performance", "one cause is one alert"
    assert "With it: " in told[0].message
    assert "hour > 17" in told[0].message
    assert "elsewhere" in told[0].message
    assert {each.state for each in segments} == {CheckState.BROKEN}
    assert {each.measure for each in of(found, CheckKind.PERFORMANCE)} == {"log_loss"}, "auc has no reference here"


def test_an_alert_names_the_feature_that_matters_most(store: Store, clock: Any) -> None:
    """Hours moved much further beyond their limit, but distances make most of the scores."""
    document = production.start(store, wanted())
    for day in range(3):
        made = production.traffic(store, document, 600, day=day, shift=300.0)
        place = made.table.column_names.index(prediction.FEATURE_PREFIX + "hour")
        name = made.table.column_names[place]
        late = made.table.set_column(place, name, pa.array(np.full(600, 22), made.table.schema.field(name).type))
        production.send(store, late, f"day-{day}")
    found = of(close(store, clock, 2), CheckKind.DRIFT)
    assert {each.column: (each.state, each.weight) for each in found} == {
        "distance": (CheckState.BROKEN, 0.7),
        "hour": (CheckState.BROKEN, 0.3),
    }
    values = {each.column: each.value or 0.0 for each in found}
    assert values["hour"] > values["distance"]
    with store.read() as connection:
        (told,) = [each for each in alert_rows.list_all(connection, "flights") if each.kind == "drift"]
    assert "Of the features that moved, distance matters most: 70 % of what features add to the scores." in told.message
    assert "since 2013-03-01" in told.message


@pytest.mark.parametrize(("limit", "state"), [(2.0, CheckState.OK), (0.2, CheckState.BROKEN)])
def test_drift_of_all_features_is_weighted_by_what_they_add(
    store: Store, clock: Any, limit: float, state: CheckState
) -> None:
    document = production.start(store, wanted(weighted_psi=limit, drift_psi=5.0))
    for day in range(3):
        log(store, document, day, shift=300.0)
    found = of(close(store, clock, 2), CheckKind.DRIFT)
    (whole,) = [each for each in found if each.measure == "weighted_psi"]
    values = {each.column: each.value or 0.0 for each in found}
    assert whole.value == pytest.approx(0.7 * values["distance"] + 0.3 * values["hour"])
    assert whole.state is state
    assert {each.state for each in found if each is not whole} == {CheckState.OK}


def test_where_no_segment_is_bad_one_check_says_so(store: Store, clock: Any) -> None:
    document = production.start(store, wanted(segment_excess=0.5))
    for day in range(3):
        log(store, document, day, known_us=production.days([day])[0] - 1)
    (segment,) = of(close(store, clock, 2), CheckKind.SEGMENT)
    assert (segment.column, segment.state) == (None, CheckState.OK)


def test_selective_outcomes_are_told(store: Store, clock: Any) -> None:
    document = production.start(store, wanted(label_window="3d"))
    for day in range(6):
        made = log(store, document, day)
        seen = made.table.column("score").to_numpy() < 0.5
        table = made.table.filter(seen)
        few = msgspec.structs.replace(made, table=table, late=made.late[seen])
        intake.receive_outcomes(
            store, production.SYSTEM, "delay", production.outcomes(few, at_us=production.days([day])[0] - 1)
        )
    found = [each for each in close(store, clock, 5) if each.measure == "label_selection"]
    assert [(each.state, each.rows) for each in found] == [(CheckState.BROKEN, 1200)]


def test_how_long_outcomes_take(store: Store, clock: Any) -> None:
    """Half of each day's outcomes are known after about a day, the others never; the last day is too young."""
    document = production.start(store, wanted())
    for day in range(4):
        made = log(store, document, day)
        seen = np.arange(made.table.num_rows) % 2 == 0
        half = msgspec.structs.replace(made, table=made.table.filter(seen), late=made.late[seen])
        intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(half))
    close(store, clock, 4)
    found = {each.age_hours: each for each in maturity.of_endpoint(store, production.SYSTEM, "delay")}
    assert found[6].share == 0.0
    assert found[24].share == pytest.approx(0.5)
    assert found[72].share == pytest.approx(0.5)
    assert found[72].low < 0.5 < found[72].high
    assert max(found) == 120
    assert maturity.of_endpoint(store, production.SYSTEM, "delay", as_of_us=production.START_US) == []
