"""A yes ends by itself: people hear of it before, the record says it, and what decided by it decides no longer."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete

from podium.core import access, channel, event
from podium.core.approval import Approval
from podium.core.release import Stage
from podium.core.rollout import Rollout
from podium.deploy.endpoints import store as endpoints
from podium.jobs.store import jobs
from podium.manage.approvals import actions as approvals
from podium.manage.approvals import expiry, pending
from podium.monitor.delivery import actions as delivery
from podium.monitor.delivery import store as deliveries
from podium.server.hooks import FOLLOW
from podium.store import events
from podium.store.store import Store
from tests import cycle, mailbox

CallerOf = Callable[..., access.Caller]
VALID = {"approvals": {"valid_for": "100d", "remind_before": "10d"}}
YES = approvals.Answer(comment="read it")


def told(store: Store, kind: str) -> list[event.Event]:
    with store.read() as connection:
        return [item.event() for item in events.read(connection, project="flights", kind=kind)]


def in_force(store: Store) -> Rollout:
    with store.read() as connection:
        place = endpoints.get(connection, "flights", "late")
        return endpoints.signed(connection, "flights", "late", place.rollout).rollout()


def waits(store: Store, clock: Any) -> list[tuple[tuple[str, ...], tuple[str, ...], bool]]:
    with store.read() as connection:
        found = pending.pending(connection, "flights", round(clock().timestamp() * 1e6))
    return [(item.lacks, item.excluded, item.renewal) for item in found]


@pytest.fixture
def given(store: Store, caller: CallerOf, clock: Any) -> list[Approval]:
    cycle.begin(store, caller, **VALID)
    cycle.make_version(store, caller, -1.0)
    first = cycle.approve(store, caller, 1)
    assert len(in_force(store).routes) == 1
    return first


def test_people_hear_of_it_before(store: Store, clock: Any, given: list[Approval]) -> None:
    clock.advance(days=89)
    cycle.work(store)
    assert told(store, "approval.expiring") == []
    assert waits(store, clock) == []
    clock.advance(days=1)
    cycle.work(store)
    said = told(store, "approval.expiring")
    assert sorted(item.subject.id for item in said) == sorted(item.id for item in given)
    assert said[0].detail["message"] == (
        "The yes of vera as validator to version 1 of delay (for production, given on 2013-03-01 00:00 UTC) ends on "
        "2013-06-09 00:00 UTC. Unless somebody says yes as validator again before, the version decides there no longer."
    )
    assert waits(store, clock) == [(("validator", "owner"), ("ada", "grace"), True)]
    assert len(in_force(store).routes) == 1


def test_the_end_is_an_event_and_what_decided_by_it_is_withdrawn(
    store: Store, clock: Any, given: list[Approval]
) -> None:
    clock.advance(days=100)
    cycle.work(store)
    said = told(store, "approval.expired")
    assert [item.subject.id for item in said] == [item.id for item in given]
    assert (said[0].actor, said[0].role) == ("podium", "system")
    assert said[1].detail["lacks"] == ["validator", "owner"]
    assert (
        said[1]
        .detail["message"]
        .endswith(
            "ended on 2013-06-09 00:00 UTC. No yes holds as validator and owner: the version does not decide there."
        )
    )
    assert told(store, "approval.expiring") == []  # the clock leapt over the reminder: it comes too late to be told
    assert in_force(store).routes == ()


def test_it_is_told_once(store: Store, clock: Any, given: list[Approval]) -> None:
    clock.advance(days=100)
    cycle.work(store)
    clock.advance(days=100)
    cycle.work(store)
    assert len(told(store, "approval.expired")) == 2


def test_a_yes_said_again_in_time_goes_to_the_scorers_and_nothing_stops(
    store: Store, caller: CallerOf, clock: Any, given: list[Approval]
) -> None:
    clock.advance(days=91)
    cycle.work(store)
    again = cycle.approve(store, caller, 1)
    assert {item.id for item in again}.isdisjoint(item.id for item in given)
    held = {item.id for item in in_force(store).routes[0].approvals}
    assert held == {item.id for item in (*given, *again)}
    assert cycle.approve(store, caller, 1) == again  # these do not end soon: nothing changes
    assert waits(store, clock) == []
    clock.advance(days=10)
    cycle.work(store)
    ended = told(store, "approval.expired")
    assert [(item.subject.id, item.detail["lacks"]) for item in ended] == [(item.id, []) for item in given]
    assert len(in_force(store).routes) == 1
    assert {item.id for item in in_force(store).routes[0].approvals} >= {item.id for item in again}


def test_a_yes_from_before_there_were_such_jobs_ends_as_well(
    store: Store, caller: CallerOf, clock: Any, given: list[Approval]
) -> None:
    assert expiry.plan_missing(store) == 0
    void = approvals.Withdrawal(why="The data was wrong.")
    approvals.withdraw(store, caller("owner", "olaf"), "delay", 1, role=access.Role.OWNER, withdrawal=void)
    with store.plumbing() as connection:
        ends = jobs.c.kind.in_([expiry.REMIND, expiry.EXPIRE])
        assert connection.execute(delete(jobs).where(ends)).rowcount == 4
    assert expiry.plan_missing(store) == 1
    assert expiry.plan_missing(store) == 0
    assert [item.subject.id for item in told(store, "approval.planned")] == [given[0].id]
    clock.advance(days=91)
    cycle.work(store)
    assert told(store, "approval.expired") == []
    clock.advance(days=10)
    cycle.work(store)
    assert [item.detail["as"] for item in told(store, "approval.expired")] == ["validator"]
    assert in_force(store).routes == ()


def test_who_outlasts_is_not_reminded(store: Store, caller: CallerOf, clock: Any, given: list[Approval]) -> None:
    clock.advance(days=30)
    approvals.validate(store, caller("validator", "victor"), "delay", 1, YES)
    clock.advance(days=60)
    cycle.work(store)
    assert [item.detail["as"] for item in told(store, "approval.expiring")] == ["owner"]


def test_a_yes_taken_back_does_not_expire(store: Store, caller: CallerOf, clock: Any, given: list[Approval]) -> None:
    taken = approvals.Withdrawal(why="The data was wrong.")
    approvals.withdraw(store, caller("owner", "olaf"), "delay", 1, role=access.Role.OWNER, withdrawal=taken)
    clock.advance(days=100)
    cycle.work(store)
    assert [item.detail["as"] for item in told(store, "approval.expired")] == ["validator"]


def test_a_version_out_of_use_reminds_nobody(store: Store, caller: CallerOf, clock: Any, given: list[Approval]) -> None:
    cycle.begin(store, caller, **VALID, release={"automatic": False, "shadow": {"min_duration": "0d"}})
    approvals.reject(store, caller("validator", "vera"), "delay", 1, role=access.Role.VALIDATOR, comment="Unfair.")
    clock.advance(days=100)
    cycle.work(store)
    assert told(store, "approval.expiring") == []
    assert told(store, "approval.expired") == []


def test_what_a_newer_version_overtook_waits_for_nobody(
    store: Store, caller: CallerOf, clock: Any, given: list[Approval]
) -> None:
    cycle.make_version(store, caller, -1.1)
    cycle.make_version(store, caller, -1.2)
    with store.read() as connection:
        assert [item.version for item in pending.pending(connection, "flights", 0)] == [3, 2]
    cycle.approve(store, caller, 3)
    assert waits(store, clock) == []


def test_a_short_yes_reminds_at_half_time(store: Store, caller: CallerOf, clock: Any) -> None:
    cycle.begin(store, caller, approvals={"valid_for": "4d", "remind_before": "14d"})
    cycle.make_version(store, caller, -1.0)
    first = cycle.approve(store, caller, 1)
    assert cycle.approve(store, caller, 1) == first
    assert told(store, "approval.expiring") == []
    clock.advance(days=2)
    cycle.work(store)
    assert len(told(store, "approval.expiring")) == 2


def test_an_open_release_ends_with_the_approval_of_its_champion(
    store: Store, caller: CallerOf, clock: Any, given: list[Approval]
) -> None:
    cycle.make_version(store, caller, -1.1)
    assert cycle.last_release(store).stage is Stage.SHADOW
    clock.advance(days=101)
    cycle.work(store)
    assert cycle.last_release(store).stage is Stage.STOPPED


def test_channels_hear_of_both(store: Store, caller: CallerOf, clock: Any, given: list[Approval]) -> None:
    kinds = ("approval.expiring", "approval.expired")
    store.hooks = {**store.hooks, **{kind: FOLLOW[kind] for kind in kinds}}
    with mailbox.hook() as hook:
        for name, endpoint in (("desk", None), ("late-only", "late")):
            wanted = channel.ChannelRequest(name=name, kind=channel.ChannelKind.WEBHOOK, to=hook.url, endpoint=endpoint)
            delivery.create(store, caller("engineer"), wanted)
        clock.advance(days=91)
        cycle.work(store, outside="127.0.0.0/8")
        clock.advance(days=10)
        cycle.work(store, outside="127.0.0.0/8")
    said = [msgspec.json.decode(got.body) for got in hook.requests]
    assert sorted(item["type"] for item in said) == sorted(f"podium.{kind}" for kind in kinds for _ in given)
    first = next(item for item in said if item["subject"] == given[0].id and item["type"].endswith("expired"))
    assert first["source"] == "/projects/flights/models/delay"
    assert (first["data"]["approval"], first["data"]["version"]) == (given[0].id, 1)
    assert "the version does not decide there" in first["data"]["message"]
    with store.read() as connection:
        assert {item.channel for item in deliveries.list_deliveries(connection, "flights")} == {"desk"}
