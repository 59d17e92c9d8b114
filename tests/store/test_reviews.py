"""What no model decides goes to people, once; what they decide is what monitoring counts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from podium.core import access, event, job, time
from podium.core.check import CheckKind
from podium.core.errors import Conflict, Invalid, NotFound, Refused
from podium.core.review import Band, Review, ReviewState
from podium.core.rollout import RouteRole
from podium.deploy.endpoints import publish
from podium.deploy.endpoints import store as endpoints
from podium.jobs import store as jobs
from podium.jobs.worker import Worker
from podium.manage.registry import store as registry
from podium.monitor.checks import closing
from podium.monitor.checks import store as checks
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction, replay, segments, window
from podium.monitor.intake import store as received_rows
from podium.monitor.reviews import actions, decisions, tasks
from podium.monitor.reviews import store as rows
from podium.scoring import trust
from podium.server import hooks
from podium.store import events
from podium.store.store import Store
from tests import production

CallerOf = Callable[..., access.Caller]
BAND = Band(low=0.3, high=0.5)


def received(store: Store, count: int = 300, band: Band = BAND, day: int = 0) -> production.Traffic:
    document = production.start(store, review=band)
    found = production.traffic(store, document, count, day=day)
    production.send(store, found.table, "s1")
    return found


def queued(store: Store, table: Any, named: str = "s1") -> int:
    """As the job does."""
    digest = _digest(store, named)
    with store.write(production.SYSTEM) as tx:
        tx.record("test.done", event.Subject("test", "1"), permission=access.Permission.MONITOR)
        return actions.keep(tx, actions.read(store, digest))


def _digest(store: Store, named: str) -> str:
    with store.read() as connection:
        return next(each.digest for each in received_rows.list_segments(connection, "flights") if each.name == named)


def all_of(store: Store, **how: Any) -> list[Review]:
    with store.read() as connection:
        return rows.list_all(connection, "flights", limit=1000, **how)


def test_a_rollout_carries_the_band_of_the_approved_bundle(store: Store) -> None:
    production.start(store)
    banded = production.register_version(store, -0.9, review=BAND)
    with store.read() as connection:
        plain = registry.version(connection, "flights", "delay", 1)
    for item, band, number in ((plain, None, 1), (banded, BAND, 2)):
        with store.write(production.SYSTEM) as tx:
            route = publish.route(tx, RouteRole.CHAMPION, item, 1.0)
            document = publish.publish(store, tx, production.place_of(store), [route])
        assert document.routes[0].review == band
        assert document.format == number
        with store.read() as connection:
            signed = endpoints.signed(connection, "flights", "delay", document.number)
        keys = {store.key_id: store.public_key}
        assert trust.read(signed, keys).routes[0].review == band
    assert banded.digest != plain.digest


def test_a_segment_with_referred_rows_starts_the_job_and_others_do_not(store: Store) -> None:
    store.hooks = {"segment.received": hooks.FOLLOW["segment.received"]}
    document = production.start(store, review=BAND)
    found = production.traffic(store, document, 100, day=0)
    decided = found.table.filter(pc.is_valid(found.table.column("decision")))
    production.send(store, decided, "s1")
    assert _jobs(store) == []
    production.send(store, found.table, "s2")
    assert [each.args["segment"] for each in _jobs(store)] == [_digest(store, "s2")]
    Worker(store=store, handlers=tasks.HANDLERS, name="here", poll_seconds=0.01).run_until_idle()
    result = _jobs(store)[0].result
    waiting = found.table.filter(pc.is_null(found.table.column("decision")))
    assert result == {"asked": waiting.num_rows}
    assert 0 < waiting.num_rows < 100
    mine = {each.prediction_id: each for each in all_of(store)}
    assert set(mine) == set(waiting.column("prediction_id").to_pylist())
    one = waiting.slice(0, 1).to_pylist()[0]
    asked = mine[one["prediction_id"]]
    assert asked.features == {"distance": one["f.distance"], "hour": one["f.hour"]}
    assert isinstance(asked.features["hour"], int)
    assert (asked.score, asked.threshold, asked.key) == (one["score"], production.THRESHOLD, one["key"])
    assert asked.at_us == time.to_us(one["at"])
    assert asked.state is ReviewState.WAITING
    with store.read() as connection:
        told = events.read(connection, project="flights", kind="review.asked")
        assert rows.waiting(connection, "flights") == waiting.num_rows
    assert [each.event().detail["rows"] for each in told] == [waiting.num_rows]


def _jobs(store: Store) -> list[job.Job]:
    with store.read() as connection:
        return list(jobs.find(connection, "flights", kind=tasks.ASK))


def test_the_same_prediction_is_asked_once(store: Store) -> None:
    found = received(store)
    first = queued(store, found.table)
    assert first > 10
    production.send(store, found.table, "s2", scorer="scorer-2")
    assert queued(store, found.table, "s2") == 0
    assert len(all_of(store)) == first


def test_what_a_shadow_would_refer_is_asked_of_nobody(store: Store) -> None:
    production.register_model(store)
    champion = production.register_version(store)
    shadow = production.register_version(store, -0.5, review=BAND)
    production.make_endpoint(store)
    document = production.serve(store, champion, shadow)
    found = production.traffic(store, document, 200, day=0)
    assert found.of("shadow").column("decision").null_count
    production.send(store, found.table, "s1")
    with store.read() as connection:
        told = events.read(connection, project="flights", kind="segment.received")[0].event()
    assert told.detail["referred"] == 0
    assert actions.read(store, _digest(store, "s1")) == []


def test_a_person_decides_with_a_reason_once(store: Store, caller: CallerOf, clock: Any) -> None:
    queued(store, received(store).table)
    one = all_of(store)[0]
    rita = caller("reviewer", "rita")
    for wrong in ("", "  ", "x" * 4001):
        with pytest.raises(Invalid):
            actions.decide(store, rita, one.id, actions.Answer(decision=True, reason=wrong))
    with pytest.raises(NotFound):
        actions.decide(store, rita, "review-none", actions.Answer(decision=True, reason="no such"))
    clock.advance(minutes=5)
    made = actions.decide(store, rita, one.id, actions.Answer(decision=True, reason="Storm over the hub."))
    assert (made.state, made.decision, made.decided_by) == (ReviewState.DECIDED, True, "rita")
    assert made.decided_us == time.to_us(clock.now)
    assert made.reason == "Storm over the hub."
    with store.read() as connection:
        assert rows.get(connection, "flights", one.id) == made
        told = events.read(connection, project="flights", kind="review.decided")
    assert len(told) == 1
    said = told[0].event()
    assert (said.actor, said.role) == ("rita", "reviewer")
    assert said.detail["decision"] is True
    assert said.detail["reason"] == "Storm over the hub."
    assert said.detail["prediction_id"] == one.prediction_id
    assert "distance" not in str(said.detail)
    again = actions.decide(store, rita, one.id, actions.Answer(decision=True, reason="Storm over the hub."))
    assert again == made
    with pytest.raises(Conflict, match="rita"):
        actions.decide(store, caller("owner", "olga"), one.id, actions.Answer(decision=False, reason="No."))


def test_a_decision_is_corrected_and_the_first_stays_on_record(store: Store, caller: CallerOf, clock: Any) -> None:
    queued(store, received(store).table)
    one = all_of(store)[0]
    rita, olga = caller("reviewer", "rita"), caller("owner", "olga")
    correction = actions.Answer(decision=False, reason="The storm had passed.", correct=True)
    with pytest.raises(Conflict, match="Nobody"):
        actions.decide(store, olga, one.id, correction)
    clock.advance(minutes=5)
    first = actions.decide(store, rita, one.id, actions.Answer(decision=True, reason="Storm over the hub."))
    clock.advance(minutes=5)
    made = actions.decide(store, olga, one.id, correction)
    assert (made.decision, made.decided_by, made.reason) == (False, "olga", "The storm had passed.")
    (kept,) = made.earlier
    assert (kept.decision, kept.decided_by, kept.reason) == (True, "rita", "Storm over the hub.")
    assert kept.decided_us == first.decided_us
    assert actions.decide(store, olga, one.id, correction) == made
    with store.read() as connection:
        assert rows.get(connection, "flights", one.id) == made
        told = [
            item.event()
            for kind in ("review.decided", "review.corrected")
            for item in events.read(connection, project="flights", kind=kind)
        ]
        known = [rows.decided(connection, "flights", [one.prediction_id], at) for at in moments(first, made)]
    assert [(item.actor, item.detail["decision"]) for item in told] == [("rita", True), ("olga", False)]
    assert told[1].detail["instead_of"]["reason"] == "Storm over the hub."
    assert known == [{}, {one.prediction_id: True}, {one.prediction_id: True}, {one.prediction_id: False}]
    with pytest.raises(Conflict, match="olga decided"):
        actions.decide(store, rita, one.id, actions.Answer(decision=True, reason="I know better."))


def moments(first: Review, second: Review) -> tuple[int, int, int, int]:
    """Just before and at each decision."""
    assert first.decided_us is not None
    assert second.decided_us is not None
    return (first.decided_us - 1, first.decided_us, second.decided_us - 1, second.decided_us)


@pytest.mark.parametrize("role", ["viewer", "engineer", "validator", "admin", "application", "scorer", "system"])
def test_only_a_reviewer_or_an_owner_decides(store: Store, caller: CallerOf, role: str) -> None:
    queued(store, received(store, 60).table)
    one = all_of(store)[0]
    with pytest.raises(Refused):
        actions.decide(store, caller(role), one.id, actions.Answer(decision=True, reason="Because."))
    assert all_of(store, state=ReviewState.DECIDED) == []


def test_the_log_says_which_rows_were_referred_also_beside_older_ones(store: Store) -> None:
    document = production.start(store)
    old = production.traffic(store, document, 50, day=-3)
    parsed = segments.parse(production.segment(old.table)).table
    assert not any(parsed.column("referred").to_pylist())
    production.send(store, old.table, "old")
    compaction.compact(store, "flights", "delay")
    banded = production.register_version(store, -0.9, review=BAND)
    document = production.serve(store, banded, None)
    new = production.traffic(store, document, 100, day=0)
    production.send(store, new.table, "new")
    compaction.compact(store, "flights", "delay")
    query = window.Query(model="delay", endpoint="delay", from_us=0, to_us=2**52, as_of_us=0)
    found = window.read_window(store, "flights", query)
    referred = np.array([bool(each) for each in found.column("referred").to_pylist()])
    inside = (found.column("score").to_numpy() >= 0.3) & (found.column("score").to_numpy() < 0.5)
    inside &= found.column("version").to_numpy() == banded.number
    assert (referred == inside).all()
    assert referred.any()
    name = found.column("prediction_id").to_pylist()[int(referred.argmax())]
    one = replay.get(store, "flights", name)[0]
    assert one.referred
    assert one.decision is None
    assert replay.replay(store, "flights", name).identical


def test_peoples_decisions_are_the_decisions_that_cost(store: Store, caller: CallerOf, clock: Any) -> None:
    document = production.start(store, review=BAND)
    owner = production.model_of(store)
    rita = caller("reviewer", "rita")
    truth: dict[str, float] = {}
    for number in range(7):
        day = production.traffic(store, document, 150, day=number)
        production.send(store, day.table, f"s{number}")
        truth |= dict(zip(day.table.column("prediction_id").to_pylist(), day.late.tolist(), strict=True))
        end_us = production.days([number])[0]
        intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(day, at_us=end_us - 1))
        queued(store, day.table, f"s{number}")
    clock.now = time.from_us(production.days([6])[0] - 60_000_000)
    for at, each in enumerate(all_of(store)):
        if at % 3:  # a third is never looked at
            right = actions.Answer(decision=truth[each.prediction_id] == 1.0, reason="I know.")
            actions.decide(store, rita, each.id, right)
    end_us = production.days([6])[0]
    clock.now = time.from_us(end_us)
    compaction.compact(store, "flights", "delay")
    query = window.Query(model="delay", endpoint="delay", from_us=0, to_us=end_us, as_of_us=end_us)
    raw = window.read_window(store, "flights", query)
    filled = decisions.fill(store, "flights", raw, end_us)
    early = decisions.fill(store, "flights", raw, end_us - 120_000_000)
    assert early.column("decision").null_count == raw.column("decision").null_count
    assert 0 < filled.column("decision").null_count < raw.column("decision").null_count
    closing.close(store, production.SYSTEM, production.place_of(store), owner, end_us)
    with store.read() as connection:
        found = checks.list_checks(connection, "flights", "delay", end_us=end_us)
    paid = next(each for each in found if each.kind is CheckKind.COST)
    late = filled.column("outcome").to_numpy()
    act = filled.column("decision").to_pylist()
    each_row = [
        (0.0 if out == 1 else 1.0) if said else (4.0 if out == 1 else 0.0)
        for said, out in zip(act, late, strict=True)
        if said is not None
    ]
    assert paid.rows == len(each_row)
    assert paid.value == pytest.approx(np.mean(each_row))
