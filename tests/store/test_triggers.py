"""Triggers: retraining on the first data and the log; once, and only when it may and something is newer."""

from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from podium.build.datasets import actions as datasets
from podium.build.datasets import store as dataset_rows
from podium.build.runs import actions as runs
from podium.build.runs import store as run_rows
from podium.core import check, project, release, run, time, trigger
from podium.core.errors import Refused
from podium.core.window import Window
from podium.deploy.endpoints import store as endpoint_rows
from podium.deploy.releases import store as release_rows
from podium.monitor.alerts import actions as alerts
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction
from podium.monitor.triggers import actions, rules, training
from podium.store import events
from podium.store.store import Store
from tests import production

DAY = production.DAY_US
ON_DATA = {"on": "new_data", "rows": 100, "cool_down": "3d"}


def base_table(rows: int = 200) -> pa.Table:
    """The first training data, from before production: keys that the log does not have, and two that it has."""
    seen = production.features(rows, seed=9)
    at = production.START_US - DAY * 30 + pa.array(range(rows)).to_numpy() * 1_000_000
    return pa.table(
        {
            "flight": [f"b-{number}" for number in range(rows - 2)] + ["f-0-0-0", "f-0-0-1"],
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "day": pc.strftime(pa.array(at // 1_000_000, pa.int64()).cast(pa.timestamp("s")), format="%Y-%m-%d"),
            "distance": seen["distance"],
            "hour": seen["hour"].astype("int64"),
            "weather": ["fair"] * rows,
            "late": pa.array([number % 2 for number in range(rows)], pa.int64()),
        }
    )


def begin(store: Store, clock: Any, *triggers: dict[str, Any], table: pa.Table | None = None) -> run.Run:
    """A model in production with its first run finished, and a week of traffic with outcomes."""
    wanted = production.spec(triggers=list(triggers), split={"by": "hash", "key": "day"})
    clock.now = time.from_us(production.START_US)
    document = production.start(store, wanted)
    first = base(store, wanted, base_table() if table is None else table)
    log_days(store, document, range(7))
    clock.now = time.from_us(end_of(6))
    return first


def log_days(store: Store, document: Any, numbers: range, late_days: int = 0) -> None:
    """Days of 50 predictions, whose outcome comes at the end of the day, or so many days later."""
    for number in numbers:
        day = production.traffic(store, document, 50, day=number)
        production.send(store, day.table, f"day-{number}")
        at_us = end_of(number + late_days) - 1
        intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(day, at_us=at_us))
    compaction.compact(store, "flights", "delay")


def in_force(store: Store) -> Any:
    """The rollout in force."""
    with store.read() as connection:
        return endpoint_rows.history(connection, "flights", "delay", limit=1)[0]


def base(store: Store, wanted: project.Project, table: pa.Table) -> run.Run:
    made = datasets.register_table(store, production.SYSTEM, "flights", table, "a file")
    asked = run.RunRequest(
        model="delay",
        dataset=made.digest,
        spec=wanted,
        code=run.Code(source_digest=store.blobs.put(b"the code")),
        reason="the first",
    )
    first = runs.request(store, production.SYSTEM, asked)
    end(store, first)
    return first


def end(store: Store, item: run.Run) -> None:
    with store.write(production.SYSTEM) as tx:
        runs.end_in(tx, item, run.RunState.FAILED, "for the test")


def end_of(number: int) -> int:
    return production.days([number])[0]


def look(store: Store, end_us: int) -> trigger.Decision:
    return actions.look(
        store,
        production.SYSTEM,
        actions.Asked(
            place=production.place_of(store),
            owner=production.model_of(store),
            end_us=end_us,
            now_us=time.to_us(store.clock()),
        ),
    )


def newest(store: Store) -> run.Run:
    with store.read() as connection:
        return run_rows.find(connection, "flights", model="delay")[0]


def test_new_data_starts_a_run_on_the_first_data_and_the_log(store: Store, clock: Any) -> None:
    begin(store, clock, ON_DATA)
    made = look(store, end_of(6))
    assert made.fired
    assert made.trigger == "new_data"
    started = newest(store)
    assert started.id == made.run
    assert started.reason.startswith("trigger: new data: 350")
    table = datasets.read_table(store, started.dataset)
    assert table.num_rows == 200 + 7 * 50 - 2
    assert table.column_names == base_table().column_names
    at = table["at"].to_pylist()
    assert at == sorted(at)
    log = table.filter(pc.starts_with(table["flight"], "f-0-3"))
    assert set(log["day"].to_pylist()) == {"2013-03-04"}
    assert set(log["weather"].to_pylist()) == {None}
    assert set(log["late"].to_pylist()) <= {0, 1}
    with store.read() as connection:
        fired = events.read(connection, project="flights", kind="trigger.fired")
    assert len(fired) == 1
    assert started.dataset in {parent.id for parent in fired[0].event().parents}


def test_a_window_decides_once(store: Store, clock: Any) -> None:
    begin(store, clock, ON_DATA)
    assert look(store, end_of(6)) == look(store, end_of(6))
    with store.read() as connection:
        assert len(run_rows.find(connection, "flights", model="delay")) == 2


def test_the_training_data_does_not_depend_on_the_order_of_arrival(store: Store, clock: Any) -> None:
    begin(store, clock)
    owner = production.model_of(store)
    with store.read() as connection:
        first = dataset_rows.newest(connection, "flights", "flights")
    table = training.collect(store, owner.spec, first, "delay", end_of(6))
    assert table == table.sort_by([("at", "ascending"), ("flight", "ascending")])
    assert training.collect(store, owner.spec, first, "delay", end_of(2)).num_rows == 200 + 150 - 2


def test_a_going_run_and_the_cool_down_hold_it_back(store: Store, clock: Any) -> None:
    begin(store, clock, {**ON_DATA, "rows": 50})
    look(store, end_of(6))
    log_days(store, in_force(store), range(7, 9))
    clock.now = time.from_us(end_of(7))
    going = look(store, end_of(7))
    assert not going.fired
    assert "going on" in going.reason
    end(store, newest(store))
    clock.now = time.from_us(end_of(8))
    cooling = look(store, end_of(8))
    assert not cooling.fired
    assert "less than 3d ago" in cooling.reason
    clock.now = time.from_us(end_of(11))
    assert look(store, end_of(11)).fired


def test_new_data_is_what_came_since_the_last_training(store: Store, clock: Any) -> None:
    begin(store, clock, ON_DATA)
    assert look(store, end_of(6)).fired
    end(store, newest(store))
    log_days(store, in_force(store), range(7, 8))
    clock.now = time.from_us(end_of(10))
    assert look(store, end_of(10)).reason == "No trigger is due.", "50 rows came since, of 400 ever"
    log_days(store, in_force(store), range(8, 9), late_days=3)
    clock.now = time.from_us(end_of(11))
    made = look(store, end_of(11))
    assert made.fired
    assert made.reason.startswith("new data: 100 more"), "also those whose outcome came late"


def test_a_training_by_hand_begins_the_count_anew(store: Store, clock: Any) -> None:
    begin(store, clock, ON_DATA)
    clock.now = time.from_us(end_of(6))
    wanted = production.model_of(store).spec
    base(store, wanted, base_table(rows=300))  # other data than the first, put together by hand
    clock.now = time.from_us(end_of(12))
    assert look(store, end_of(12)).reason == "No trigger is due.", "nothing is newer than what was trained on by hand"
    log_days(store, in_force(store), range(12, 14))
    clock.now = time.from_us(end_of(13))
    assert look(store, end_of(13)).fired


def test_outcomes_that_are_corrected_are_no_new_data(store: Store, clock: Any) -> None:
    begin(store, clock, ON_DATA)
    assert look(store, end_of(6)).fired
    end(store, newest(store))
    document = in_force(store)
    for number in range(7):
        day = production.traffic(store, document, 50, day=number)
        again = production.outcomes(day, at_us=end_of(8))
        intake.receive_outcomes(store, production.SYSTEM, "delay", again)
    compaction.compact(store, "flights", "delay")
    clock.now = time.from_us(end_of(11))
    assert look(store, end_of(11)).reason == "No trigger is due."


def test_a_schedule_without_newer_data_starts_nothing(store: Store, clock: Any) -> None:
    begin(store, clock, {"on": "schedule", "cron": "0 0 * * *", "cool_down": "1d"})
    assert look(store, end_of(6)).fired
    end(store, newest(store))
    clock.now = time.from_us(end_of(11))
    nothing = look(store, end_of(11))
    assert not nothing.fired
    assert "nothing newer" in nothing.reason


def test_an_alert_that_stands_starts_a_run(store: Store, clock: Any) -> None:
    begin(store, clock, {"on": "alert", "kinds": ["performance"], "cool_down": "3d"})
    assert look(store, end_of(5)).reason == "No trigger is due."
    cause = check.Check(
        id="c",
        project="flights",
        endpoint="delay",
        version=1,
        window=Window(0, 1),
        kind=check.CheckKind.PERFORMANCE,
        measure="log_loss",
        column=None,
        value=0.9,
        reference=0.6,
        limit=0.63,
        rows=500,
        state=check.CheckState.BROKEN,
    )
    with store.write(production.SYSTEM) as tx:
        alerts.apply(
            tx,
            alerts.Findings(
                endpoint="delay", version=1, since_us=0, broken={cause.kind: [cause]}, recovered=frozenset()
            ),
        )
    made = look(store, end_of(6))
    assert made.fired
    assert newest(store).reason == "trigger: alert: performance"


def test_an_open_canary_holds_it_back(store: Store, clock: Any) -> None:
    begin(store, clock, ON_DATA)
    with store.plumbing() as connection:
        release_rows.add(
            connection,
            release.Release(
                id="release-1",
                project="flights",
                endpoint="delay",
                model="delay",
                version=2,
                digest="sha256:" + "0" * 64,
                replaces=1,
                stage=release.Stage.CANARY,
                stage_since_us=0,
                created_us=0,
                created_by="ada",
                reason="",
            ),
        )
    assert "canary" in look(store, end_of(6)).reason


def test_data_that_the_log_cannot_give_is_refused(store: Store, clock: Any) -> None:
    table = base_table()
    odd = table.set_column(2, "day", pa.array([1] * table.num_rows, pa.int64()))
    begin(store, clock, ON_DATA, table=odd)
    with pytest.raises(Refused, match="day"):
        look(store, end_of(6))


@pytest.mark.parametrize(
    ("cron", "hours", "due"), [("0 6 * * *", 24, True), ("0 6 * * *", 5, False), ("0 0 1 * *", 24, False)]
)
def test_a_schedule_is_due_once_its_line_has_come(cron: str, hours: int, due: bool) -> None:
    since_us = production.START_US
    found = rules.due([project.TriggerPart(on="schedule", cron=cron)], situation(since_us, hours))
    assert (found is not None) is due


@pytest.mark.parametrize(("code", "due"), [("c", False), ("changed", True)])
def test_changed_code_is_due_until_a_run_has_it(code: str, due: bool) -> None:
    now = msgspec.structs.replace(situation(production.START_US, 24), code=code)
    found = rules.due([project.TriggerPart(on="code_change")], now)
    assert (found is not None) is due


def situation(since_us: int, hours: int) -> rules.Situation:
    return rules.Situation(
        now_us=since_us + hours * 3_600_000_000,
        since_us=since_us,
        standing=(),
        new_rows=0,
        code="c",
        newest=msgspec.convert(
            {
                "id": "run-1",
                "project": "flights",
                "model": "delay",
                "number": 1,
                "state": "finished",
                "dataset": "d",
                "spec_digest": "s",
                "params": {},
                "seed": 0,
                "code": {"source_digest": "c"},
                "reason": "",
                "created_us": since_us - 100 * DAY,
                "created_by": "ada",
            },
            run.Run,
        ),
        stage=None,
    )
