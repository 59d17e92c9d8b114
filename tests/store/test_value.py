"""What a window's decisions were worth: against none, a rule, the champion before and a challenger; told in alerts."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from podium.bundle import columns
from podium.bundle.engines.onnx import session
from podium.core import bundle, release, run, value
from podium.core.value import Over
from podium.deploy.releases import store as releases
from podium.monitor.alerts import store as alert_rows
from podium.monitor.checks import closing
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction
from podium.monitor.value import actions, worth
from podium.store.store import Store
from tests import production

CARDS = {"baseline": {"feature": "hour", "at_least": 17.0}}


def log_week(store: Store, document: Any, *, outcomes: bool = True, **how: Any) -> tuple[pa.Table, np.ndarray]:
    """A week of traffic in the log, its deciding rows and their truth."""
    tables, truths = [], []
    for number in range(7):
        day = production.traffic(store, document, 120, day=number, **how)
        production.send(store, day.table, f"day-{number}")
        if outcomes:
            at_us = production.days([number])[0] - 1
            intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(day, at_us=at_us))
        tables.append(day.of("champion"))
        truths.append(day.late)
    compaction.compact(store, "flights", "delay")
    return pa.concat_tables(tables), np.concatenate(truths)


def close(store: Store) -> value.WindowValue:
    end_us = production.days([6])[0]
    closing.close(store, production.SYSTEM, production.place_of(store), production.model_of(store), end_us)
    (found,) = actions.of_endpoint(store, production.SYSTEM, "delay")
    return found


def costs(late: np.ndarray, act: np.ndarray) -> np.ndarray:
    """By hand: acting for nothing costs 1, not acting where there was reason 4."""
    return np.where(late == 1, np.where(act, 0.0, 4.0), np.where(act, 1.0, 0.0))


def decided(store: Store, rows: pa.Table, number: int) -> np.ndarray:
    """What a version decides of some logged rows."""
    described = production.manifest_of(store, production.digest_of(store, number))
    model = session.Scorer(store.blobs.get(described.file(bundle.MODEL).digest))
    return np.asarray(model.predict(columns.from_log(described.signature, rows)) >= production.THRESHOLD)


def gain(found: value.WindowValue, over: Over) -> value.Gain:
    one = found.gain(over)
    assert one is not None
    return one


def test_a_window_is_worth_what_its_decisions_are_by_hand(store: Store) -> None:
    rows, late = log_week(store, production.start(store))
    act = rows.column("decision").to_numpy(zero_copy_only=False)
    paid = costs(late, act)
    found = close(store)
    assert (found.rows, found.waiting, found.groups) == (840, 0, "day")
    assert found.kpi == "missed connections"
    assert found.per_decision is not None
    assert found.per_decision.value == pytest.approx(-paid.mean())
    assert found.per_decision.low < -paid.mean() < found.per_decision.high
    assert found.total == pytest.approx(-paid.sum())
    assert found.expected == pytest.approx(-paid.mean(), abs=0.1)
    for over, other in ((Over.NEVER, np.zeros(840, bool)), (Over.ALWAYS, np.ones(840, bool))):
        assert gain(found, over).total == pytest.approx((costs(late, other) - paid).sum())
    best = gain(found, Over.BASELINE)
    assert best.who == "always acting"
    assert best.total == gain(found, Over.ALWAYS).total
    assert best.per_decision.low <= gain(found, Over.ALWAYS).per_decision.low
    assert {each.over for each in found.gains} == {Over.NEVER, Over.ALWAYS, Over.BASELINE}


def test_the_rule_of_the_project_file_is_the_baseline(store: Store) -> None:
    rows, late = log_week(store, production.start(store, production.spec(**CARDS)))
    act = rows.column("decision").to_numpy(zero_copy_only=False)
    rule = rows.column("f.hour").to_numpy() >= 17.0
    best = gain(close(store), Over.BASELINE)
    assert best.who == "the rule hour ≥ 17"
    assert best.total == pytest.approx((costs(late, rule) - costs(late, act)).sum())
    assert best.per_decision.low > 0.0


def test_the_champion_before_is_asked_the_same_rows(store: Store) -> None:
    document = production.start(store)
    better = production.register_version(store, bias=-1.2)
    assert document.routes[0].version == 1
    rows, late = log_week(store, production.serve(store, better))
    mine, before = decided(store, rows, 2), decided(store, rows, 1)
    assert (mine == rows.column("decision").to_numpy(zero_copy_only=False)).all()
    assert (mine != before).any()
    found = gain(close(store), Over.FORMER)
    assert (found.version, found.who) == (1, "version 1, the champion before")
    assert found.per_decision.rows == 840
    assert found.total == pytest.approx((costs(late, before) - costs(late, mine)).sum())


def test_a_challenger_that_listens_is_compared_on_the_same_rows(store: Store) -> None:
    document = production.start(store, challenger=-2.0)
    _open_release(store)
    rows, late = log_week(store, document)
    mine, theirs = decided(store, rows, 1), decided(store, rows, 2)
    found = gain(close(store), Over.CHALLENGER)
    assert (found.version, found.per_decision.rows) == (2, 840)
    assert found.total == pytest.approx((costs(late, theirs) - costs(late, mine)).sum())


def _open_release(store: Store) -> None:
    with store.plumbing() as connection:
        releases.add(
            connection,
            release.Release(
                id="release-1",
                project="flights",
                endpoint="delay",
                model="delay",
                version=2,
                digest=production.digest_of(store, 2),
                replaces=1,
                stage=release.Stage.SHADOW,
                stage_since_us=production.START_US,
                created_us=production.START_US,
                created_by="ada",
                reason="newer",
            ),
        )


def test_a_champion_before_that_is_gone_does_not_stop_a_window(store: Store) -> None:
    production.start(store)
    document = production.serve(store, production.register_version(store, bias=-1.2))
    log_week(store, document)
    described = production.manifest_of(store, production.digest_of(store, 1))
    address = described.file(bundle.MODEL).digest.removeprefix("sha256:")
    (kept,) = (each for each in Path(store.blobs.url).rglob("*") if each.is_file() and each.name == address)
    kept.unlink()
    found = close(store)
    assert found.gain(Over.FORMER) is None
    assert found.lacking.startswith("version 1, the champion before, could not be asked")
    assert found.rows == 840


def test_an_alert_says_what_it_cost(store: Store) -> None:
    log_week(store, production.start(store), worse=-2.5)
    found = close(store)
    lost = gain(found, Over.BASELINE)
    assert lost.per_decision.high < 0.0  # nobody is late any more: acting is all waste
    with store.read() as connection:
        (alert,) = alert_rows.list_all(connection, "flights")
    low, high = (abs(each) * found.rows for each in (lost.per_decision.high, lost.per_decision.low))
    assert f"They were worth {-lost.total:,.0f} less than never acting ({low:,.0f} to {high:,.0f})." in alert.message


def test_an_alert_without_outcomes_says_that_its_cost_is_not_known(store: Store) -> None:
    log_week(store, production.start(store), outcomes=False, shift=900.0)
    found = close(store)
    assert (found.rows, found.waiting, found.per_decision) == (0, 840, None)
    with store.read() as connection:
        (alert,) = alert_rows.list_all(connection, "flights")
    assert "What it cost is not known yet: 840 rows wait for their outcome." in alert.message


def test_without_costs_nothing_is_worth_anything(store: Store) -> None:
    bare = msgspec.structs.replace(production.spec(), costs=None)
    log_week(store, production.start(store, bare))
    end_us = production.days([6])[0]
    closing.close(store, production.SYSTEM, production.place_of(store), production.model_of(store), end_us)
    assert actions.of_endpoint(store, production.SYSTEM, "delay") == []


def test_a_canary_is_compared_on_rows_of_its_own() -> None:
    random = np.random.default_rng(7)
    costs_part = production.spec().costs
    assert costs_part is not None

    def side(rows: int, right: float) -> worth.Decided:
        target = (random.random(rows) < 0.4).astype(np.float64)
        act = np.where(random.random(rows) < right, target == 1, target == 0)
        return worth.Decided(target, act, np.sort(random.integers(0, 7 * production.DAY_US, rows)))

    champion, canary = side(4_000, 0.9), side(1_000, 0.7)
    by = worth.grouping(champion)
    other = worth.Other(Over.CANARY, "version 2, the challenger", 2, canary, None)
    found = worth.gains(champion, [other], costs_part, by, 0.95)[-1]
    truth = 0.2 * (0.4 * 4 + 0.6 * 1)
    assert isinstance(found.per_decision, run.Interval)
    assert found.per_decision.low < truth < found.per_decision.high
    assert found.per_decision.low > 0.0
