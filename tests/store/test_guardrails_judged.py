"""Guardrails from the log to the release: broken ones stop it with the reason, kept ones let it go on."""

from typing import Any

import pyarrow
import pytest

from podium.core import endpoint, release, time
from podium.core.release import Stage, Verdict
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import store as release_rows
from podium.monitor.checks import comparison
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction
from podium.store.store import Store
from tests import production
from tests.store.test_checks import log_days, open_release, run_job

SHADOW = {"min_rows": 200, "min_duration": "1d"}


def plan(*rails: dict[str, Any], **parts: Any) -> Any:
    return production.spec(
        release={"endpoint": "delay", "shadow": SHADOW, "guardrails": list(rails), **parts},
        costs={"false_positive": 1.0, "false_negative": 4.0},
    )


def compared(store: Store, clock: Any, wanted: Any, challenger: float, rows_a_day: int = 150) -> release.Comparison:
    document = production.start(store, wanted, challenger=challenger)
    end_us = log_days(store, clock, document, range(7), rows_a_day=rows_a_day)
    compaction.compact(store, "flights", "delay")
    return comparison.compare(store, "flights", production.model_of(store), shadowed(store), end_us)


def shadowed(store: Store, **changes: Any) -> release.Release:
    return open_release(store, 2, digest=production.digest_of(store, 2), **changes)


def test_each_guardrail_is_judged_on_the_shadows_rows(store: Store, clock: Any) -> None:
    rails = [
        {"metric": "calibration", "margin": 0.05},
        {"metric": "cost_per_row", "margin": 5.0},
        {"metric": "demographic_parity", "margin": 0.5, "by": "hour"},
        {"metric": "brier", "margin": 0.001},
    ]
    found = compared(store, clock, plan(*rails), 0.5)
    said = {each.metric: each for each in found.guardrails}
    assert said["calibration"].verdict is Verdict.WORSE
    assert said["cost_per_row"].verdict is Verdict.NOT_WORSE
    assert said["demographic_parity"].verdict is Verdict.NOT_ENOUGH_DATA
    assert said["brier"].verdict is Verdict.WORSE
    for each in found.guardrails:
        assert each.confidence == pytest.approx(1 - 0.05 / 4)
        assert each.low <= each.difference <= each.high
    worse = said["calibration"]
    assert worse.first is not None
    assert worse.second is not None
    assert worse.second - worse.first == pytest.approx(-worse.difference)


def test_too_few_rows_say_nothing(store: Store, clock: Any) -> None:
    found = compared(store, clock, plan({"metric": "calibration", "margin": 0.01}), 0.5, rows_a_day=20)
    assert [each.verdict for each in found.guardrails] == [Verdict.NOT_ENOUGH_DATA]


def test_latency_is_measured_on_the_newest_rows_of_the_log(store: Store, clock: Any) -> None:
    found = compared(store, clock, plan({"metric": "latency", "margin": 1000.0}), -0.9).guardrails[0]
    assert found.verdict in (Verdict.NOT_WORSE, Verdict.BETTER)
    assert found.rows == 200
    assert found.first is not None
    assert found.first > 0
    assert found.low < found.difference < found.high


def test_latency_is_what_the_scorers_timed_where_they_serve(store: Store, clock: Any) -> None:
    """A worker on another machine would find both alike; here the challenger takes three milliseconds more."""
    document = production.start(store, plan({"metric": "latency", "margin": 2.0}), challenger=-0.9)
    end_us = log_days(store, clock, document, range(7))
    compaction.compact(store, "flights", "delay")
    for name, more_us in (("scorer-1", 2_900), ("scorer-2", 3_100)):
        pairs = [[500 + at, 500 + more_us + at] for at in range(40)]
        told = {
            "first": production.digest_of(store, 1),
            "second": production.digest_of(store, 2),
            "microseconds": pairs,
        }
        with store.plumbing() as connection:
            said = endpoint.Scorer(name=name, at_us=end_us, status={"pace": {"delay": told}})
            endpoints.report(connection, "flights", said)
    found = comparison.compare(store, "flights", production.model_of(store), shadowed(store), end_us).guardrails[0]
    assert (found.rows, found.timed_by) == (80, "the scorers")
    assert found.difference == pytest.approx(-3.0, abs=0.01)
    assert found.verdict is Verdict.WORSE


@pytest.mark.parametrize(
    "change", ["of another challenger", "from before the release", "of too few rows", "not numbers"]
)
def test_other_times_do_not_count(store: Store, clock: Any, change: str) -> None:
    document = production.start(store, plan({"metric": "latency", "margin": 1000.0}), challenger=-0.9)
    end_us = log_days(store, clock, document, range(7))
    compaction.compact(store, "flights", "delay")
    pairs: Any = [[500, 9_000_000]] * (29 if change == "of too few rows" else 40)
    second = production.digest_of(store, 1 if change == "of another challenger" else 2)
    told = {"first": "x", "second": second, "microseconds": "fast" if change == "not numbers" else pairs}
    at_us = production.START_US - 1 if change == "from before the release" else end_us
    with store.plumbing() as connection:
        endpoints.report(
            connection, "flights", endpoint.Scorer(name="s", at_us=at_us, status={"pace": {"delay": told}})
        )
    found = comparison.compare(store, "flights", production.model_of(store), shadowed(store), end_us).guardrails[0]
    assert found.timed_by == "a worker"
    assert found.verdict is not Verdict.WORSE


def test_a_broken_guardrail_stops_the_release_with_the_reason(store: Store, clock: Any) -> None:
    """The primary metric may be worse by far; calibration may not."""
    rail = {"metric": "calibration", "margin": 0.05}
    document = production.start(store, plan(rail, require="not-worse", margin=5.0), challenger=0.5)
    open_one = shadowed(store)
    result = run_job(store, log_days(store, clock, document, range(7)))
    assert result["verdict"] == "not-worse"
    with store.read() as connection:
        ended = release_rows.get(connection, "flights", open_one.id)
    assert ended.stage is Stage.STOPPED
    assert "breaks a guardrail: calibration" in ended.note
    assert ended.comparison is not None
    assert ended.comparison.guardrails[0].verdict is Verdict.WORSE


def as_canary(day: production.Traffic) -> pyarrow.Table:
    """The champion decides the first half of a day's rows, the challenger the second."""
    one, two = day.of("champion"), day.of("shadow")
    half = one.num_rows // 2
    mine = two.slice(half)
    role = pyarrow.array(["canary"] * mine.num_rows, mine.schema.field("role").type)
    return pyarrow.concat_tables([one.slice(0, half), mine.set_column(mine.column_names.index("role"), "role", role)])


def test_a_canary_that_breaks_a_guardrail_is_rolled_back(store: Store, clock: Any) -> None:
    rail = {"metric": "calibration", "margin": 0.05}
    document = production.start(store, plan(rail, margin=5.0), challenger=0.5)
    for number in range(7):
        day = production.traffic(store, document, 600, day=number)
        production.send(store, as_canary(day), f"day-{number}")
        known = production.outcomes(day, at_us=production.days([number])[0] - 1)
        intake.receive_outcomes(store, production.SYSTEM, "delay", known)
    end_us = production.days([6])[0]
    clock.now = time.from_us(end_us)
    open_one = shadowed(store, stage=Stage.CANARY)
    assert run_job(store, end_us)["verdict"] == "not-worse"
    with store.read() as connection:
        ended = release_rows.get(connection, "flights", open_one.id)
    assert ended.stage is Stage.ROLLED_BACK
    assert "breaks a guardrail: calibration" in ended.note
    assert ended.comparison is not None
    assert ended.comparison.guardrails[0].rows == 7 * 300
