"""The way of a version to its endpoint: shadow, approval, canary, champion; and back."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from podium.core import access, approval, release, version
from podium.core.errors import Conflict, PodiumError, Refused
from podium.core.release import Stage, Verdict
from podium.core.rollout import Rollout, RouteRole
from podium.core.version import VersionState
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import actions, rollback
from podium.deploy.releases import store as rows
from podium.manage.approvals import actions as approvals
from podium.manage.registry import store as versions
from podium.store import events
from podium.store.store import Store
from tests import cycle

CallerOf = Callable[..., access.Caller]


def served(store: Store) -> list[tuple[str, int, float]]:
    """What the rollout in force says: role, version, weight."""
    return [(str(item.role), item.version, item.weight) for item in document(store).routes]


def document(store: Store) -> Rollout:
    with store.read() as connection:
        place = endpoints.get(connection, "flights", "late")
        return endpoints.signed(connection, "flights", "late", place.rollout).rollout()


def champion(store: Store) -> int | None:
    with store.read() as connection:
        return endpoints.get(connection, "flights", "late").champion


def state(store: Store, number: int) -> version.VersionState:
    with store.read() as connection:
        return versions.version(connection, "flights", "delay", number).state


def judge(store: Store, caller: CallerOf, verdict: Verdict, rows: int = 1000) -> release.Release:
    return actions.judge(store, caller(), cycle.last_release(store).id, cycle.comparison(verdict, rows))


def with_champion(store: Store, caller: CallerOf, **parts: Any) -> None:
    """Version 1 decides at the endpoint."""
    cycle.begin(store, caller, **parts)
    cycle.make_version(store, caller, -1.0)
    cycle.approve(store, caller, 1)
    assert champion(store) == 1


def in_canary(store: Store, caller: CallerOf, clock: Any) -> None:
    """Version 1 decides; version 2 proved itself, is approved, and decides a part."""
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    clock.advance(days=8)
    judge(store, caller, Verdict.BETTER)
    cycle.approve(store, caller, 2)
    assert cycle.last_release(store).stage is Stage.CANARY


def test_the_first_version_waits_for_approval_and_then_decides(store: Store, caller: CallerOf) -> None:
    cycle.begin(store, caller)
    cycle.make_version(store, caller, -1.0)
    waiting = cycle.last_release(store)
    assert (waiting.stage, waiting.replaces, waiting.created_by) == (Stage.AWAITING_APPROVAL, None, "podium")
    with store.read() as connection:
        assert endpoints.in_force(connection, "flights") == []
    with pytest.raises(Refused, match="validator and owner"):
        actions.advance(store, caller("engineer"), waiting.id)
    cycle.approve(store, caller, 1)
    assert cycle.last_release(store).stage is Stage.CHAMPION
    assert served(store) == [("champion", 1, 1.0)]
    assert cycle.kinds(store, "release") == ["release.started", "release.stage-changed", "release.completed"]


def test_from_shadow_to_champion_and_back(store: Store, caller: CallerOf, clock: Any) -> None:
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    assert served(store) == [("champion", 1, 1.0), ("shadow", 2, 0.0)]

    clock.advance(days=3)
    assert judge(store, caller, Verdict.BETTER).stage is Stage.SHADOW
    clock.advance(days=5)
    assert judge(store, caller, Verdict.NOT_ENOUGH_DATA, rows=10).stage is Stage.SHADOW
    proven = judge(store, caller, Verdict.BETTER)
    assert proven.stage is Stage.AWAITING_APPROVAL
    assert proven.comparison == cycle.comparison(Verdict.BETTER)
    assert served(store) == [("champion", 1, 1.0), ("shadow", 2, 0.0)]

    cycle.approve(store, caller, 2)
    assert cycle.last_release(store).stage is Stage.CANARY
    assert served(store) == [("champion", 1, 0.8), ("canary", 2, 0.2)]
    assert document(store).salt == f"{document(store).endpoint}/2"
    assert all(len(item.approvals) == 2 for item in document(store).routes)

    clock.advance(days=6)
    assert judge(store, caller, Verdict.NOT_WORSE).stage is Stage.CANARY
    clock.advance(days=1)
    assert judge(store, caller, Verdict.NOT_WORSE).stage is Stage.CHAMPION
    assert served(store) == [("champion", 2, 1.0)]
    assert (state(store, 1), state(store, 2)) == (VersionState.RETIRED, VersionState.APPROVED)

    back = rollback.rollback(store, caller("engineer"), "late", "Complaints.")
    assert (back.version, back.stage, back.note) == (2, Stage.ROLLED_BACK, "Complaints.")
    assert served(store) == [("champion", 1, 1.0)]
    assert (state(store, 1), state(store, 2)) == (VersionState.APPROVED, VersionState.RETIRED)
    with store.read() as connection:
        told = events.read(connection, kind="release.rolled-back")[0].event()
        assert events.verify(connection).problem is None
    assert told.detail["to_version"] == 1
    assert {parent.noun for parent in told.parents} == {"version"}
    with pytest.raises(Refused, match="first that served"):
        rollback.rollback(store, caller("engineer"), "late", "Again.")


def test_a_challenger_that_is_worse_leaves_at_once(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    ended = judge(store, caller, Verdict.WORSE)
    assert ended.stage is Stage.STOPPED
    assert "worse: log_loss" in ended.note
    assert served(store) == [("champion", 1, 1.0)]
    with pytest.raises(Conflict, match="has ended"):
        judge(store, caller, Verdict.BETTER)


def test_a_challenger_not_proven_in_time_leaves(store: Store, caller: CallerOf, clock: Any) -> None:
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    clock.advance(days=21)
    ended = judge(store, caller, Verdict.NOT_WORSE)
    assert ended.stage is Stage.STOPPED
    assert "21d" in ended.note
    assert served(store) == [("champion", 1, 1.0)]


def test_a_canary_that_is_worse_is_rolled_back(store: Store, caller: CallerOf, clock: Any) -> None:
    in_canary(store, caller, clock)
    assert judge(store, caller, Verdict.WORSE).stage is Stage.ROLLED_BACK
    assert served(store) == [("champion", 1, 1.0)]
    assert "release.rolled-back" in cycle.kinds(store, "release")


def test_a_person_takes_a_canary_back(store: Store, caller: CallerOf, clock: Any) -> None:
    in_canary(store, caller, clock)
    assert rollback.rollback(store, caller("engineer"), "late", "Too slow.").stage is Stage.ROLLED_BACK
    assert served(store) == [("champion", 1, 1.0)]


def test_a_person_cannot_hurry_a_canary(store: Store, caller: CallerOf, clock: Any) -> None:
    in_canary(store, caller, clock)
    item = cycle.last_release(store)
    with pytest.raises(Refused, match="at least 7d"):
        actions.advance(store, caller("engineer"), item.id)
    clock.advance(days=7)
    assert actions.advance(store, caller("engineer"), item.id).stage is Stage.CHAMPION


def test_approved_while_in_shadow_goes_on_as_soon_as_it_is_proven(store: Store, caller: CallerOf, clock: Any) -> None:
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    cycle.approve(store, caller, 2)
    assert cycle.last_release(store).stage is Stage.SHADOW
    clock.advance(days=8)
    assert judge(store, caller, Verdict.BETTER).stage is Stage.CANARY


def test_without_canary_in_the_plan_an_approved_challenger_decides(store: Store, caller: CallerOf, clock: Any) -> None:
    with_champion(store, caller, release={"canary": {"weight": 0.0}})
    cycle.make_version(store, caller, -1.1)
    clock.advance(days=8)
    judge(store, caller, Verdict.BETTER)
    cycle.approve(store, caller, 2)
    assert cycle.last_release(store).stage is Stage.CHAMPION
    assert served(store) == [("champion", 2, 1.0)]


def test_a_newer_version_takes_the_place_of_one_in_shadow_only(store: Store, caller: CallerOf, clock: Any) -> None:
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    second = cycle.last_release(store)
    cycle.make_version(store, caller, -1.2)
    third = cycle.last_release(store)
    with store.read() as connection:
        replaced = rows.get(connection, "flights", second.id)
    assert (replaced.stage, replaced.note) == (Stage.STOPPED, "superseded by version 3")
    assert (third.version, third.stage) == (3, Stage.SHADOW)
    assert served(store) == [("champion", 1, 1.0), ("shadow", 3, 0.0)]

    clock.advance(days=8)
    judge(store, caller, Verdict.BETTER)
    cycle.make_version(store, caller, -1.3)
    assert (cycle.last_release(store).version, cycle.last_release(store).stage) == (4, Stage.WAITING)
    with store.read() as connection:
        assert rows.get(connection, "flights", third.id).stage is Stage.AWAITING_APPROVAL
    with pytest.raises(Conflict, match="version 4 to late is at waiting"):
        cycle.start(store, caller, 4)


def test_a_wrong_start_is_undone(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller, release={"automatic": True})
    cycle.make_version(store, caller, -1.1)
    item = actions.stop(store, caller("engineer"), cycle.last_release(store).id, "Not meant.")
    assert (item.stage, item.note) == (Stage.STOPPED, "Not meant.")
    assert served(store) == [("champion", 1, 1.0)]
    assert cycle.start(store, caller, 2).stage is Stage.SHADOW


def waits_behind_a_canary(store: Store, caller: CallerOf, clock: Any) -> None:
    """Version 1 decides, 2 is in canary, and 3 passed its gates meanwhile."""
    in_canary(store, caller, clock)
    cycle.make_version(store, caller, -1.2)
    behind = cycle.last_release(store)
    assert (behind.version, behind.stage) == (3, Stage.WAITING)
    assert behind.note == "It waits for the end of the release before it."
    assert served(store) == [("champion", 1, 0.8), ("canary", 2, 0.2)]


def test_a_version_that_meets_a_canary_waits_and_begins_when_it_became_champion(
    store: Store, caller: CallerOf, clock: Any
) -> None:
    waits_behind_a_canary(store, caller, clock)
    clock.advance(days=7)
    with store.read() as connection:
        canary = rows.open_of(connection, "flights", "late")
    assert canary is not None
    assert actions.judge(store, caller(), canary.id, cycle.comparison(Verdict.NOT_WORSE)).stage is Stage.CHAMPION
    cycle.work(store)
    begun = cycle.last_release(store)
    assert (begun.version, begun.stage, begun.replaces) == (3, Stage.SHADOW, 2)
    assert served(store) == [("champion", 2, 1.0), ("shadow", 3, 0.0)]
    assert judge(store, caller, Verdict.WORSE).stage is Stage.STOPPED


def test_it_begins_after_a_rollback_too(store: Store, caller: CallerOf, clock: Any) -> None:
    waits_behind_a_canary(store, caller, clock)
    rollback.rollback(store, caller("engineer"), "late", "Complaints.")
    cycle.work(store)
    assert cycle.last_release(store).stage is Stage.SHADOW
    assert served(store) == [("champion", 1, 1.0), ("shadow", 3, 0.0)]


def test_a_newer_version_takes_the_place_of_the_one_that_waits(store: Store, caller: CallerOf, clock: Any) -> None:
    waits_behind_a_canary(store, caller, clock)
    first = cycle.last_release(store)
    cycle.make_version(store, caller, -1.3)
    assert (cycle.last_release(store).version, cycle.last_release(store).stage) == (4, Stage.WAITING)
    with store.read() as connection:
        before = rows.get(connection, "flights", first.id)
    assert (before.stage, before.note) == (Stage.STOPPED, "superseded by version 4")


def test_what_waits_can_be_taken_back_and_cannot_be_advanced(store: Store, caller: CallerOf, clock: Any) -> None:
    waits_behind_a_canary(store, caller, clock)
    behind = cycle.last_release(store)
    with pytest.raises(Conflict, match="It waits for the end"):
        actions.advance(store, caller("engineer"), behind.id)
    assert actions.stop(store, caller("engineer"), behind.id, "Not this one.").stage is Stage.STOPPED
    assert served(store) == [("champion", 1, 0.8), ("canary", 2, 0.2)]
    rollback.rollback(store, caller("engineer"), "late", "Complaints.")
    cycle.work(store)
    assert served(store) == [("champion", 1, 1.0)]


def test_a_version_rejected_while_it_waited_does_not_begin(store: Store, caller: CallerOf, clock: Any) -> None:
    waits_behind_a_canary(store, caller, clock)
    approvals.reject(store, caller("validator", "vera"), "delay", 3, role=access.Role.VALIDATOR, comment="Unfair.")
    rollback.rollback(store, caller("engineer"), "late", "Complaints.")
    cycle.work(store)
    ended = cycle.last_release(store)
    assert (ended.version, ended.stage, ended.note) == (3, Stage.STOPPED, "Version 3 is rejected.")
    assert served(store) == [("champion", 1, 1.0)]


def test_a_person_is_told_to_wait_and_may(store: Store, caller: CallerOf, clock: Any) -> None:
    in_canary(store, caller, clock)
    cycle.begin(store, caller, release={"automatic": False})
    cycle.make_version(store, caller, -1.2)
    with pytest.raises(Conflict, match="at canary") as told:
        cycle.start(store, caller, 3)
    assert "--wait" in (told.value.fix or "")
    wanted = actions.NewRelease(endpoint="late", version=3, reason="Next week.", wait=True)
    assert actions.start(store, caller("engineer"), wanted).stage is Stage.WAITING
    with pytest.raises(Conflict, match="of version 3 to late is at waiting"):
        actions.start(store, caller("engineer"), wanted)
    same = actions.NewRelease(endpoint="late", version=2, reason="Again.", wait=True)
    with pytest.raises(Conflict, match="of version 2 to late is at canary"):
        actions.start(store, caller("engineer"), same)


def test_what_cannot_be_released(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller, gates=[{"name": "good", "expression": "metrics.test.auc.value > 0.7"}])
    with pytest.raises(Conflict, match="already"):
        cycle.start(store, caller, 1)
    cycle.begin(store, caller, gates=[{"name": "too good", "expression": "metrics.test.auc.value > 0.9"}])
    cycle.make_version(store, caller, -1.1)
    with pytest.raises(Refused, match="gates"):
        cycle.start(store, caller, 2)


def test_the_project_file_may_leave_the_start_to_people(store: Store, caller: CallerOf) -> None:
    cycle.begin(store, caller, release={"automatic": False})
    cycle.make_version(store, caller, -1.0)
    assert cycle.kinds(store, "release") == []
    assert cycle.start(store, caller, 1).created_by == "emil"


def test_a_rejected_challenger_is_withdrawn(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    approvals.reject(store, caller("validator", "vera"), "delay", 2, role=access.Role.VALIDATOR, comment="Unfair.")
    cycle.work(store)
    assert served(store) == [("champion", 1, 1.0)]
    assert cycle.last_release(store).stage is Stage.STOPPED


def test_a_champion_that_lost_its_approval_stops_deciding(store: Store, caller: CallerOf, clock: Any) -> None:
    in_canary(store, caller, clock)
    withdrawal = approvals.Withdrawal(why="The data was wrong.")
    approvals.withdraw(store, caller("owner", "olaf"), "delay", 1, role=access.Role.OWNER, withdrawal=withdrawal)
    cycle.work(store)
    assert (served(store), champion(store)) == ([], None)
    assert cycle.last_release(store).stage is Stage.STOPPED
    assert cycle.start(store, caller, 2).stage is Stage.CHAMPION
    assert served(store) == [("champion", 2, 1.0)]


def test_a_canary_that_lost_its_approval_leaves_alone(store: Store, caller: CallerOf, clock: Any) -> None:
    in_canary(store, caller, clock)
    withdrawal = approvals.Withdrawal(why="The data was wrong.")
    approvals.withdraw(store, caller("owner", "olaf"), "delay", 2, role=access.Role.OWNER, withdrawal=withdrawal)
    cycle.work(store)
    assert served(store) == [("champion", 1, 1.0)]


def test_approvals_that_expire_are_found_by_a_recheck(store: Store, caller: CallerOf, clock: Any) -> None:
    with_champion(store, caller)
    assert rollback.withdraw_unapproved(store, caller(), "late") is None
    clock.advance(days=366)
    published = rollback.withdraw_unapproved(store, caller(), "late")
    assert published is not None
    assert published.routes == ()
    assert rollback.withdraw_unapproved(store, caller(), "late") is None


def test_a_rollback_needs_approvals_that_still_hold(store: Store, caller: CallerOf, clock: Any) -> None:
    in_canary(store, caller, clock)
    clock.advance(days=7)
    judge(store, caller, Verdict.BETTER)
    withdrawal = approvals.Withdrawal(why="Too old.")
    approvals.withdraw(
        store, caller("validator", "vera"), "delay", 1, role=access.Role.VALIDATOR, withdrawal=withdrawal
    )
    with pytest.raises(Refused, match="Version 1 may not decide"):
        rollback.rollback(store, caller("engineer"), "late", "Complaints.")
    assert served(store) == [("champion", 2, 1.0)]
    assert state(store, 1) is VersionState.RETIRED


def test_of_racing_starts_one_wins(
    database_url: str, make_store: Callable[[str], Store], store: Store, caller: CallerOf
) -> None:
    cycle.begin(store, caller, release={"automatic": False})
    cycle.make_version(store, caller, -1.0)
    actions.stop(store, caller(), cycle.start(store, caller, 1).id, "The endpoint is made; the race begins.")
    lost: list[PodiumError] = []

    def race() -> None:
        try:
            cycle.start(make_store(database_url), caller, 1)
        except PodiumError as problem:
            lost.append(problem)

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(problem) for problem in lost] == [Conflict] * 5
    with store.read() as connection:
        assert len(rows.list_all(connection, "flights", open_only=True)) == 1


def test_lists_are_newest_first_and_paged(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    for bias in (-1.1, -1.2):
        cycle.make_version(store, caller, bias)
    with store.read() as connection:
        found = rows.list_all(connection, "flights", endpoint="late")
        assert [item.version for item in found] == [3, 2, 1]
        assert list(rows.list_all(connection, "flights", before=found[0].id, limit=1)) == [found[1]]
        assert rows.list_all(connection, "elsewhere") == []


def test_approvals_inside_a_rollout_are_as_they_were_signed(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    inside = document(store).route(RouteRole.CHAMPION)
    assert inside is not None
    assert all(item.decision is approval.Decision.YES and item.signature for item in inside.approvals)
