"""Windows: quiet traffic raises nothing, real change does; closed once; a challenger is judged on the same rows."""

import threading
from typing import Any

import msgspec
import numpy as np
import pytest

from podium.core import access, alert, event, job, release, time
from podium.core.check import CheckKind, CheckState
from podium.core.release import Stage, Verdict
from podium.deploy.releases import store as release_rows
from podium.jobs import queue
from podium.jobs.context import JobContext
from podium.monitor.alerts import store as alert_rows
from podium.monitor.checks import actions, closing, comparison, tasks
from podium.monitor.checks import store as rows
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction
from podium.store import events
from podium.store.store import Store
from tests import production


def run_job(store: Store, end_us: int) -> dict[str, Any]:
    """Close a window as a worker does."""
    actions.request(store, production.SYSTEM, "delay", end_us)
    at_us = time.to_us(store.clock())
    with store.plumbing() as connection:
        now = queue.Now(at_us, at_us)
        leased = queue.lease(connection, frozenset({tasks.WINDOW}), {}, now, worker="w", until_us=at_us + 10**12)
    assert leased is not None
    context = JobContext(store, leased, 30.0, threading.Event())
    result = tasks.close_window(context)
    with context.finishing(result=result) as tx:
        tx.record("job.finished", _subject(leased), permission=access.Permission.DEPLOY)
    return result


def _subject(leased: job.Job) -> Any:
    return event.Subject("job", leased.id)


def log_days(store: Store, clock: Any, document: Any, numbers: range, rows_a_day: int = 150, **how: float) -> int:
    for number in numbers:
        day = production.traffic(store, document, rows_a_day, day=number, **how)  # type: ignore[arg-type]
        production.send(store, day.table, f"day-{number}-{how.get('seed', 0)}")
        intake.receive_outcomes(
            store, production.SYSTEM, "delay", production.outcomes(day, at_us=production.days([number])[0] - 1)
        )
    end_us = production.days([numbers[-1]])[0]
    clock.now = time.from_us(end_us)
    return end_us


def broken(store: Store, end_us: int) -> set[tuple[str, str | None]]:
    with store.read() as connection:
        found = rows.list_checks(connection, "flights", "delay", end_us=end_us)
    return {(each.measure, each.column) for each in found if each.state is CheckState.BROKEN}


def test_a_quiet_week_raises_nothing(store: Store, clock: Any) -> None:
    document = production.start(store)
    end_us = log_days(store, clock, document, range(7))
    result = run_job(store, end_us)
    assert result["rows"] == 7 * 150
    assert result["matured"] == 7 * 150
    with store.read() as connection:
        found = rows.list_checks(connection, "flights", "delay", end_us=end_us)
        assert alert_rows.list_all(connection, "flights") == []
    kinds = {each.kind for each in found}
    assert kinds == {
        CheckKind.DRIFT,
        CheckKind.SCORE_DRIFT,
        CheckKind.QUALITY,
        CheckKind.PERFORMANCE,
        CheckKind.COST,
    }
    assert {each.state for each in found} == {CheckState.OK}
    performance = next(each for each in found if each.kind is CheckKind.PERFORMANCE)
    assert performance.low is not None
    assert performance.value is not None
    assert performance.high is not None
    assert performance.low < performance.value < performance.high


def test_a_window_is_closed_once_whatever_is_run_again(store: Store, clock: Any) -> None:
    document = production.start(store)
    end_us = log_days(store, clock, document, range(7), shift=900.0)
    first = run_job(store, end_us)
    place, owner = production.place_of(store), production.model_of(store)
    again = closing.close(store, production.SYSTEM, place, owner, end_us)
    assert again.id == first["window"]
    assert again.broken == first["broken"]
    with store.read() as connection:
        assert len(events.read(connection, project="flights", kind="window.closed")) == 1
        assert len(events.read(connection, project="flights", kind="alert.opened")) == len(
            alert_rows.list_all(connection, "flights")
        )
    assert actions.request(store, production.SYSTEM, "delay", end_us) == actions.request(
        store, production.SYSTEM, "delay", end_us
    )


def test_features_that_moved_are_drift(store: Store, clock: Any) -> None:
    document = production.start(store)
    end_us = log_days(store, clock, document, range(7), shift=900.0)
    run_job(store, end_us)
    assert ("psi", "distance") in broken(store, end_us)
    assert ("psi", None) in broken(store, end_us)
    assert ("psi", "hour") not in broken(store, end_us)
    with store.read() as connection:
        found = alert_rows.list_all(connection, "flights")
    (drift,) = found
    assert (drift.kind, drift.kinds) == ("drift", ("drift", "score-drift"))
    assert "distance psi" in drift.message
    assert "since 2013-03-01" in drift.message
    assert drift.state is alert.AlertState.OPEN


def test_a_world_that_changed_is_worse_performance_and_cost(store: Store, clock: Any) -> None:
    document = production.start(store)
    end_us = log_days(store, clock, document, range(7), worse=-2.5)
    run_job(store, end_us)
    assert broken(store, end_us) == {("log_loss", None), ("cost_per_row", None)}


def test_little_data_is_not_enough(store: Store, clock: Any) -> None:
    document = production.start(store)
    end_us = log_days(store, clock, document, range(7), rows_a_day=5, shift=5000.0)
    run_job(store, end_us)
    with store.read() as connection:
        found = rows.list_checks(connection, "flights", "delay", end_us=end_us)
    assert {each.state for each in found} == {CheckState.NOT_ENOUGH_DATA}


def test_an_alert_says_since_when_its_checks_break_and_goes_on_saying_so(store: Store, clock: Any) -> None:
    """Not since the window in which it was believed, and not since it was opened."""
    document = production.start(store, production.spec(monitor={"min_rows": 100, "window": "1d", "persistence": 2}))
    log_days(store, clock, document, range(1))
    said = []
    for number in (1, 2, 3):
        run_job(store, log_days(store, clock, document, range(number, number + 1), shift=900.0))
        with store.read() as connection:
            said.append([(each.since_us, each.message) for each in alert_rows.list_all(connection, "flights")])
    assert said[0] == []
    for (found,) in said[1:]:
        assert found[0] == production.START_US + production.DAY_US
        assert "since 2013-03-02" in found[1]


def test_an_alert_waits_for_persistence_is_updated_and_recovers(store: Store, clock: Any) -> None:
    document = production.start(store, production.spec(monitor={"min_rows": 100, "window": "1d", "persistence": 2}))
    states = []
    for number, shift in enumerate((900.0, 900.0, 900.0, 0.0)):
        end_us = log_days(store, clock, document, range(number, number + 1), rows_a_day=400, shift=shift)
        run_job(store, end_us)
        with store.read() as connection:
            found = [each for each in alert_rows.list_all(connection, "flights") if each.kind == "drift"]
        states.append([each.state.value for each in found])
    assert states == [[], ["open"], ["open"], ["resolved"]]
    with store.read() as connection:
        kinds = [each.event().kind for each in events.read(connection, project="flights", limit=1000)]
    assert "alert.updated" in kinds
    assert "alert.resolved" in kinds


def test_without_a_champion_nothing_is_checked(store: Store, clock: Any) -> None:
    production.register_model(store)
    production.make_endpoint(store)
    clock.now = time.from_us(production.days([6])[0])
    result = run_job(store, production.days([6])[0])
    assert result["checks"] == 0


def test_days_are_summed_up_and_renewed_when_outcomes_come(store: Store, clock: Any) -> None:
    document = production.start(store)
    days = [production.traffic(store, document, 200, day=number) for number in range(7)]
    for number, day in enumerate(days):
        production.send(store, day.table, f"day-{number}")
    end_us = production.days([6])[0]
    clock.now = time.from_us(end_us)
    run_job(store, end_us)
    found = actions.days(store, production.SYSTEM, "delay")
    assert [each.day for each in found] == [f"2013-03-0{number}" for number in range(1, 8)]
    assert [each.rows for each in found] == [200] * 7
    assert [each.matured for each in found] == [0] * 7
    intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(days[3]))
    later = end_us + production.DAY_US
    clock.now = time.from_us(later)
    run_job(store, later)
    renewed = actions.days(store, production.SYSTEM, "delay")[3]
    assert renewed.matured == 200
    score = days[3].table["score"].to_numpy()
    loss = -np.log(np.where(days[3].late == 1, score, 1 - score)).mean()
    assert renewed.losses["log_loss"] == pytest.approx(loss, rel=1e-12)
    assert renewed.positive_rate == days[3].late.mean()
    assert renewed.means["distance"] == pytest.approx(days[3].table["f.distance"].to_numpy().mean())


def open_release(store: Store, version: int, **changes: object) -> release.Release:
    made = release.Release(
        id="release-1",
        project="flights",
        endpoint="delay",
        model="delay",
        version=version,
        digest="sha256:" + "0" * 64,
        replaces=1,
        stage=Stage.SHADOW,
        stage_since_us=production.START_US,
        created_us=production.START_US,
        created_by="ada",
        reason="better",
    )
    made = msgspec.structs.replace(made, **changes)
    with store.plumbing() as connection:
        release_rows.add(connection, made)
    return made


@pytest.mark.parametrize(
    ("champion", "challenger", "verdict"),
    [(-1.0, 0.5, Verdict.WORSE), (-1.0, -0.999, Verdict.NOT_ENOUGH_DATA), (0.5, -1.0, Verdict.BETTER)],
)
def test_a_challenger_is_compared_on_the_same_rows(
    store: Store, clock: Any, champion: float, challenger: float, verdict: Verdict
) -> None:
    production.register_model(store)
    first, second = production.register_version(store, champion), production.register_version(store, challenger)
    production.make_endpoint(store)
    document = production.serve(store, first, second)
    end_us = log_days(store, clock, document, range(7))
    compaction.compact(store, "flights", "delay")
    found = comparison.compare(store, "flights", production.model_of(store), open_release(store, 2), end_us)
    assert found.rows == 7 * 150
    assert found.verdict is verdict
    assert found.low <= found.difference <= found.high
    assert found.cost_difference is not None
    assert found.cost_low is not None
    assert found.cost_high is not None
    assert found.cost_low <= found.cost_difference <= found.cost_high
    assert verdict is Verdict.NOT_ENOUGH_DATA or found.cost_low < found.cost_high


def test_too_few_rows_are_not_compared(store: Store, clock: Any) -> None:
    document = production.start(store, challenger=0.5)
    end_us = log_days(store, clock, document, range(1), rows_a_day=100)
    compaction.compact(store, "flights", "delay")
    found = comparison.compare(store, "flights", production.model_of(store), open_release(store, 2), end_us)
    assert found.verdict is Verdict.NOT_ENOUGH_DATA
    assert found.rows == 100


def test_a_window_judges_the_open_release_once(store: Store, clock: Any) -> None:
    document = production.start(store, challenger=0.5)
    release_of = open_release(store, 2, digest=production.digest_of(store, 2))
    end_us = log_days(store, clock, document, range(7))
    result = run_job(store, end_us)
    assert result["verdict"] == "worse"
    with store.read() as connection:
        assert release_rows.get(connection, "flights", release_of.id).stage is Stage.STOPPED
        assert len(events.read(connection, project="flights", kind="release.judged")) == 1


def test_a_kill_after_the_checks_leaves_the_judgement_to_the_next_attempt(
    store: Store, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = production.start(store, challenger=0.5)
    open_release(store, 2, digest=production.digest_of(store, 2))
    end_us = log_days(store, clock, document, range(7))

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(comparison, "compare", die)
        with pytest.raises(Killed):
            run_job(store, end_us)
    place, owner = production.place_of(store), production.model_of(store)
    with store.read() as connection:
        closed = rows.find_window(connection, "flights", "delay", end_us)
    assert closed is not None
    assert tasks.judge(store, production.SYSTEM, place, owner, closed) == "worse"
    assert tasks.judge(store, production.SYSTEM, place, owner, closed) is None
