"""Fire drills: what is put into real traffic is found, quiet traffic is left alone, and the same seed says the same."""

from functools import partial
from typing import Any

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper

from podium.bundle import layout
from podium.bundle.explain import explainer, table
from podium.core import drill, event, project, reference, time
from podium.core.errors import Refused
from podium.core.signature import Field, FieldType, Signature, Task
from podium.jobs.worker import Worker
from podium.measures.drift import reference as references
from podium.monitor.drill import actions, faults, judge, rehearse, tasks, traffic
from podium.monitor.drill import store as rows
from podium.monitor.intake import actions as intake
from podium.store import events
from podium.store.store import Store
from tests import production

SIGNATURE = Signature(
    features=(
        Field(name="wind", type=FieldType.NUMBER),
        Field(name="hour", type=FieldType.INTEGER),
        Field(name="origin", type=FieldType.TEXT, nullable=False),
    ),
    task=Task.BINARY,
    key="key",
    target="late",
)


EMPTY = reference.Reference(
    rows=0,
    numeric={},
    categorical={},
    score=references.numeric(np.array([0.5])),
    metrics={},
    cost_per_row=None,
)


def made(days: int = 28, rows_a_day: int = 300, seed: int = 0) -> traffic.Traffic:
    """Traffic whose chance of being late rises with the wind."""
    random = np.random.default_rng(seed)
    count = days * rows_a_day
    wind = random.normal(10.0, 3.0, count)
    score = 1 / (1 + np.exp(-(wind - 12.0) / 2))
    return traffic.Traffic(
        features={
            "wind": wind,
            "hour": random.integers(0, 24, count).astype(np.float64),
            "origin": np.array(["EWR", "JFK", "LGA"], dtype=object)[random.integers(0, 3, count)],
        },
        target=(random.random(count) < score).astype(np.float64),
        score=score,
        threshold=0.5,
        at_us=np.arange(count) // rows_a_day * traffic.DAY_US + np.arange(count) % rows_a_day * 60_000_000,
        keys=np.arange(count),
    )


def predict(features: dict[str, Any]) -> Any:
    return 1 / (1 + np.exp(-(np.nan_to_num(features["wind"], nan=10.0) - 12.0) / 2))


def setting(**monitor: Any) -> rehearse.Setting:
    spec = production.spec()
    limits = msgspec.structs.replace(spec.monitor, **{"min_rows": 200, **monitor})
    wanted = msgspec.structs.replace(spec, monitor=limits)
    trained = judge.reference_of(made(), SIGNATURE, wanted, EMPTY)
    return rehearse.Setting(made(), SIGNATURE, wanted, predict, 7, trained)


def run(found: rehearse.Setting, seed: int = 0) -> tuple[rehearse.Quiet, dict[str, drill.Faulted]]:
    wanted = drill.DrillRequest(repetitions=4, seed=seed)
    made = rehearse.run(found, wanted, lambda _done, _words: None)
    return made.quiet, {each.fault: each for each in made.faults}


def monitors(found: rehearse.Setting) -> dict[tuple[str, str | None], drill.Monitor]:
    wanted = drill.DrillRequest(repetitions=4)
    made = rehearse.run(found, wanted, lambda _done, _words: None)
    return {(each.measure, each.column): each for each in made.monitors}


def test_gross_faults_are_found_at_once_and_quiet_traffic_is_left_alone() -> None:
    quiet, faulted = run(setting())
    assert quiet.windows == 32
    assert quiet.alarms <= 1  # its 95 % interval may leave out the truth now and then
    for name in ("shift 1σ", "unit changed", "stale feature", "columns swapped", "new category", "nulls"):
        assert (faulted[name].detected, faulted[name].delay) == (4, 1.0), name
        assert faulted[name].by
    assert "wind psi" in faulted["shift 1σ"].by
    assert "origin new_categories" in faulted["new category"].by


def test_every_check_is_back_tested_by_a_fault_of_its_own() -> None:
    found = monitors(setting())
    names = {("psi", each) for each in ("wind", "hour", "origin", None)} | {("new_categories", "origin")}
    names |= {("missing_rate", each) for each in ("wind", "hour", "origin")}
    assert names <= found.keys()
    for key in (
        ("psi", "wind"),
        ("psi", "hour"),
        ("psi", None),
        ("missing_rate", "hour"),
        ("new_categories", "origin"),
    ):
        assert (found[key].runs, found[key].detected, found[key].delay) == (4, 4, 1.0), key
        assert found[key].false_alarms == 0
    assert found["psi", "hour"].fault == "1 standard deviation higher"
    assert found["missing_rate", "origin"].fault == "nulls, which the scorer refuses"
    assert found["log_loss", None].fault == "concept drift"
    assert found["log_loss", None].detected > 0


def test_a_check_that_sees_nothing_of_its_fault_has_no_delay() -> None:
    found = monitors(setting(drift_psi=50.0, performance_drop=0.0))
    assert (found["psi", "wind"].detected, found["psi", "wind"].delay) == (0, None)
    assert found["missing_rate", "wind"].detected == 4
    assert ("log_loss", None) not in found


def adding() -> explainer.Native:
    """What wind and hour add to log-odds of which the wind moves a little more."""
    known = layout.Layout(numbers=("wind", "hour"), texts=())
    graph = helper.make_graph(
        [helper.make_node("Identity", [layout.NUMBERS], [layout.SCORE])],
        "features",
        [helper.make_tensor_value_info(layout.NUMBERS, TensorProto.DOUBLE, [None, 2])],
        [helper.make_tensor_value_info(layout.SCORE, TensorProto.DOUBLE, [None, 2])],
    )
    encoder = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(encoder, {layout.KEY: msgspec.json.encode(known).decode()})
    about = table.About(kind="linear", scale="log-odds", start=0.0, origins=known.numbers)
    weights = table.Linear(np.array([0.5, 1 / 6]), np.array([10.0, 11.5]))
    names = tuple(field.name for field in SIGNATURE.features)
    return explainer.Native(bytes(encoder.SerializeToString()), table.encode(table.Explained(about, weights)), names)


def test_checks_that_are_asked_for_are_back_tested_each_by_its_own_fault() -> None:
    off = {"drift_psi": 50.0, "score_psi": 50.0, "performance_drop": 0.0, "cost_rise": 0.0}
    asked = setting(contribution_moved=0.05, pattern_moved=0.1, constant=True, outcome_psi=0.002, **off)
    found = monitors(asked._replace(native=adding()))
    for column in ("wind", "hour", "origin"):
        still = found["constant", column]
        assert (still.fault, still.detected, still.delay, still.false_alarms) == ("stays what it was", 4, 1.0, 0)
    wind, hour, rate = found["contribution", "wind"], found["contribution", "hour"], found["outcome_psi", None]
    assert (wind.fault, wind.detected, wind.delay, wind.false_alarms) == ("shift 1σ", 4, 1.0, 0)
    assert (hour.fault, hour.runs, hour.false_alarms) == ("", 0, 0)
    assert (rate.fault, rate.runs, rate.false_alarms) == ("label flip", 4, 0)
    assert rate.detected >= 3
    together = found["pattern", None]
    assert (together.fault, together.runs, together.detected, together.false_alarms) == ("columns swapped", 4, 4, 0)
    quiet, faulted = run(asked._replace(native=adding()))
    assert quiet.alarms == 0
    assert "wind contribution" in faulted["shift 1σ"].by


def test_the_feed_and_rows_as_wholes_are_rehearsed() -> None:
    """Rows that come twice, a feed that stops, and many small shifts: what finds them, where a rule asks for it."""
    asked = setting(duplicates=0.05, max_age="2d", told_apart=0.05, drift_psi=50.0, score_psi=50.0, missing_rate=0.0)
    found = monitors(asked)
    for measure, fault in (
        ("duplicates", "rows repeated"),
        ("age_hours", "feed stops"),
        ("told_apart", "small shifts"),
    ):
        each = found[measure, None]
        assert (each.fault, each.runs, each.detected, each.delay, each.false_alarms) == (fault, 4, 4, 1.0, 0), measure
    quiet, faulted = run(asked)
    assert quiet.alarms == 0
    assert faulted["rows repeated"].by[0] == "duplicates"
    assert faulted["feed stops"].by == ("age_hours",)
    assert "told_apart" in faulted["small shifts"].by
    assert faulted["small shifts"].what == "every number is 0.25 standard deviations higher"
    _, blind = run(setting())
    assert (blind["rows repeated"].detected, blind["feed stops"].detected) == (0, 0)
    unknown = msgspec.structs.replace(made(), keys=None)
    assert "rows repeated" not in run(setting()._replace(rows=unknown))[1]


def test_a_feed_that_works_in_the_evening_only_stops_there() -> None:
    """Of windows of a day, whose first half never has a row."""
    late = made(days=8)
    late = msgspec.structs.replace(late, at_us=late.at_us + 18 * 3_600_000_000)
    asked = setting(max_age="2h", window="1d", drift_psi=50.0, score_psi=50.0, performance_drop=0.0, min_rows=10)
    quiet, faulted = run(asked._replace(rows=late, window_days=1))
    assert quiet.alarms == 0
    assert (faulted["feed stops"].detected, faulted["feed stops"].by) == (4, ("age_hours",))


def test_a_day_that_is_drawn_twice_repeats_no_row() -> None:
    seen = made(days=7)
    drawn = traffic.window(seen, traffic.days(seen), 14, np.random.default_rng(0))
    assert drawn.keys is not None
    assert np.unique(drawn.keys).size == drawn.count == 2 * seen.count
    assert (np.diff(drawn.at_us // traffic.DAY_US) >= 0).all()
    assert np.unique(drawn.at_us // traffic.DAY_US).size == 14


def test_a_check_that_cries_wolf_is_named_with_its_own_figure() -> None:
    moving = made()
    for day in range(0, 28, 2):
        moving.features["wind"][moving.at_us // traffic.DAY_US == day] += 6.0
    found = monitors(setting()._replace(rows=moving))
    wind = found["psi", "wind"]
    assert wind.false_alarms > 0
    assert wind.false_alarms_per_month == pytest.approx(wind.false_alarms / 32 * 30 / 7)
    assert found["psi", "hour"].false_alarms == 0


def test_a_drill_of_a_seasonal_rule_compares_days_with_their_weekday() -> None:
    """Weekends always are so: against all days they are alarms, against weekends they are not; faults are found."""
    seen = made(days=84, rows_a_day=250)
    weekend = np.isin((seen.at_us // traffic.DAY_US + 3) % 7, (5, 6))
    seen.features["wind"][weekend] += 9.0
    seen = msgspec.structs.replace(seen, score=predict(seen.features))
    off = {"performance_drop": 0.0, "cost_rise": 0.0}
    against_all, _ = run(setting(**off)._replace(rows=seen, window_days=1))
    found = setting(reference="week", window="1d", **off)._replace(rows=seen, window_days=1)
    by_weekday, faulted = run(found)
    assert against_all.alarms >= 4
    assert by_weekday.alarms == 0
    assert (faulted["shift 1σ"].detected, faulted["unit changed"].detected) == (4, 4)


def test_what_is_under_the_limits_is_told_as_missed() -> None:
    _, faulted = run(setting(drift_psi=3.0, score_psi=3.0, performance_drop=0.0, cost_rise=0.0))
    assert faulted["shift 0.5σ"].detected == 0
    assert faulted["shift 0.5σ"].delay is None
    assert faulted["label flip"].detected == 0


def test_rules_that_alarm_on_nothing_are_told_as_false_alarms() -> None:
    moving = made()
    for day in range(0, 28, 2):
        moving.features["wind"][moving.at_us // traffic.DAY_US == day] += 6.0
    quiet, _ = run(setting()._replace(rows=moving))
    assert quiet.alarms > 0
    assert any("wind" in name for name in quiet.by)


def test_persistence_makes_the_delay_longer() -> None:
    _, once = run(setting())
    _, twice = run(setting(persistence=2))
    _, of_three = run(setting(persistence=2, of_last=3))
    assert once["shift 1σ"].delay == 1.0
    assert twice["shift 1σ"].delay == 2.0
    assert of_three["shift 1σ"].delay == 2.0


def test_the_same_seed_gives_the_same_drill() -> None:
    assert run(setting(), seed=7) == run(setting(), seed=7)


def test_the_most_important_feature_is_found() -> None:
    found = faults.ranked(made(), SIGNATURE, predict, np.random.default_rng(0))
    assert found[0].name == "wind"


def test_a_feature_that_may_not_be_null_is_refused_at_the_door() -> None:
    fields = tuple(msgspec.structs.replace(each, nullable=False) for each in SIGNATURE.features)
    plan = faults.plan(fields, made())
    assert [each.name for each in plan if each.refused] == ["nulls"]


def test_alerting_counts_the_last_windows() -> None:
    limits = project.MonitorPart(persistence=2, of_last=3)
    broken = frozenset({("psi", "wind")})
    none: judge.Broken = frozenset()
    assert judge.alerting([broken, none, broken], limits) == broken
    assert judge.alerting([broken, none, none, broken], limits) == none
    assert judge.alerting([broken, broken, none], limits) == none


def test_a_drill_of_an_endpoint(store: Store, clock: Any) -> None:
    document = production.start(store)
    for day in range(14):
        one = production.traffic(store, document, 400, day=day)
        production.send(store, one.table, f"s{day}")
        intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(one))
    clock.now = time.from_us(production.days([15])[0])
    wanted = drill.DrillRequest(days=16, repetitions=2, seed=1)
    job = actions.request(store, production.SYSTEM, "delay", wanted)
    Worker(store=store, handlers={actions.JOB: tasks.run}, name="here", poll_seconds=0.01).run_until_idle()
    with store.read() as connection:
        assert [each.event().detail for each in events.read(connection, kind="job.failed")] == []
        (found,) = rows.list_all(connection, "flights", "delay")
        (said,) = [each.event() for each in events.read(connection, kind="drill.finished")]
    assert said.subject == event.Subject("drill", found.id)
    assert job
    assert (found.version, found.days, found.rows) == (1, 14, 14 * 400)
    assert found.quiet_windows == 16
    assert {each.fault for each in found.faults} >= {"shift 1σ", "unit changed", "nulls", "label flip"}
    assert next(each for each in found.faults if each.fault == "unit changed").detected == 2
    (distance,) = [each for each in found.monitors if (each.measure, each.column) == ("psi", "distance")]
    assert (distance.runs, distance.detected, distance.delay) == (2, 2, 1.0)


def test_where_nothing_decides_or_nothing_is_known_it_says_so(store: Store, clock: Any) -> None:
    production.start(store)
    clock.now = time.from_us(production.days([3])[0])
    actions.request(store, production.SYSTEM, "delay", drill.DrillRequest())
    Worker(store=store, handlers={actions.JOB: partial(tasks.run)}, name="here", poll_seconds=0.01).run_until_idle()
    with store.read() as connection:
        assert rows.list_all(connection, "flights", "delay") == []
        (failed,) = [each.event() for each in events.read(connection, kind="job.failed")]
    assert "4 days" in str(failed.detail["error"])
    with pytest.raises(Refused):
        traffic.days(made(days=3))
