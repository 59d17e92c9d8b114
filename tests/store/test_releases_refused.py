"""What scorers refuse: the release has failed, with the reason, and what served before serves again."""

from collections.abc import Callable
from typing import Any

import pytest

from podium.core import access, endpoint, release, rollout
from podium.core.release import Stage, Verdict
from podium.core.version import VersionState
from podium.deploy.endpoints import actions
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import actions as releases
from podium.manage.approvals import actions as approvals
from podium.manage.registry import store as versions
from podium.store import events
from podium.store.store import Store
from tests import cycle

CallerOf = Callable[..., access.Caller]
WHY = "golden.arrow: The model answers its golden rows differently."


def document(store: Store) -> rollout.Rollout:
    with store.read() as connection:
        place = endpoints.get(connection, "flights", "late")
        return endpoints.signed(connection, "flights", "late", place.rollout).rollout()


def served(store: Store) -> list[tuple[str, int]]:
    return [(str(item.role), item.version) for item in document(store).routes]


def takes(store: Store, caller: CallerOf, scorer: str = "scorer-1", at_us: int = 5) -> None:
    actions.report(store, caller("scorer"), scorer, {"rollouts": {"late": document(store).number}}, at_us)
    cycle.work(store)


def refuses(store: Store, caller: CallerOf, scorer: str = "scorer-1", at_us: int = 5, **more: Any) -> None:
    said = {"refused": {"late": {"number": document(store).number, "reason": WHY}}, **more}
    actions.report(store, caller("scorer"), scorer, said, at_us)
    cycle.work(store)


def status(store: Store, caller: CallerOf) -> endpoint.Status:
    return actions.status(store, caller(), "late")


def told(store: Store, kind: str) -> list[dict[str, Any]]:
    with store.read() as connection:
        return [item.event().detail for item in events.read(connection, kind=kind)]


def state(store: Store, number: int) -> VersionState:
    with store.read() as connection:
        return versions.version(connection, "flights", "delay", number).state


def with_champion(store: Store, caller: CallerOf, **parts: Any) -> None:
    cycle.begin(store, caller, **parts)
    cycle.make_version(store, caller, -1.0)
    cycle.approve(store, caller, 1)
    takes(store, caller)


def judge(store: Store, caller: CallerOf, verdict: Verdict) -> release.Release:
    return releases.judge(store, caller(), cycle.last_release(store).id, cycle.comparison(verdict))


def proven(store: Store, caller: CallerOf, clock: Any) -> None:
    """Version 2 listened long enough, is better, and is approved."""
    cycle.make_version(store, caller, -1.1)
    takes(store, caller)
    clock.advance(days=8)
    judge(store, caller, Verdict.BETTER)
    cycle.approve(store, caller, 2)


def test_a_shadow_that_no_scorer_takes_fails_with_the_reason(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    number = document(store).number
    refuses(store, caller, rollouts={"late": number - 1})
    failed = cycle.last_release(store)
    assert (failed.stage, failed.version) == (Stage.FAILED, 2)
    assert failed.note == f"No scorer takes rollout {number}: {WHY}"
    assert served(store) == [("champion", 1)]
    assert document(store).number == number + 1
    assert told(store, "rollout.refused") == [
        {"endpoint": "late", "number": number, "scorers": ["scorer-1"], "why": WHY}
    ]
    assert told(store, "release.failed")[0]["why"] == failed.note
    takes(store, caller)
    assert status(store, caller).settled
    assert status(store, caller).refused == ()
    assert cycle.start(store, caller, 2).stage is Stage.SHADOW


def test_a_canary_that_no_scorer_takes_fails(store: Store, caller: CallerOf, clock: Any) -> None:
    with_champion(store, caller)
    proven(store, caller, clock)
    assert cycle.last_release(store).stage is Stage.CANARY
    refuses(store, caller)
    assert cycle.last_release(store).stage is Stage.FAILED
    assert served(store) == [("champion", 1)]


def test_a_new_champion_that_no_scorer_takes_gives_the_place_back(store: Store, caller: CallerOf, clock: Any) -> None:
    with_champion(store, caller, release={"canary": {"weight": 0.0}})
    proven(store, caller, clock)
    assert served(store) == [("champion", 2)]
    refuses(store, caller)
    failed = cycle.last_release(store)
    assert (failed.stage, failed.version) == (Stage.FAILED, 2)
    assert served(store) == [("champion", 1)]
    assert (state(store, 1), state(store, 2)) == (VersionState.APPROVED, VersionState.RETIRED)
    with store.read() as connection:
        assert events.verify(connection).problem is None


def test_a_place_is_not_given_back_to_what_may_not_decide(store: Store, caller: CallerOf, clock: Any) -> None:
    with_champion(store, caller, release={"canary": {"weight": 0.0}})
    proven(store, caller, clock)
    withdrawal = approvals.Withdrawal(why="Too old.")
    approvals.withdraw(store, caller("owner", "olaf"), "delay", 1, role=access.Role.OWNER, withdrawal=withdrawal)
    cycle.work(store)
    refuses(store, caller)
    assert cycle.last_release(store).stage is Stage.FAILED
    assert served(store) == []
    assert status(store, caller).endpoint.champion is None


def test_the_first_version_may_fail_too(store: Store, caller: CallerOf) -> None:
    cycle.begin(store, caller)
    cycle.make_version(store, caller, -1.0)
    cycle.approve(store, caller, 1)
    assert served(store) == [("champion", 1)]
    refuses(store, caller)
    assert cycle.last_release(store).stage is Stage.FAILED
    assert served(store) == []


def test_one_scorer_out_of_order_fails_no_release(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    takes(store, caller, "scorer-2")
    cycle.make_version(store, caller, -1.1)
    refuses(store, caller, "scorer-1")
    assert cycle.last_release(store).stage is Stage.SHADOW, "the other has not answered yet"
    takes(store, caller, "scorer-2")
    refuses(store, caller, "scorer-1", at_us=6)
    assert cycle.last_release(store).stage is Stage.SHADOW
    found = status(store, caller)
    assert [(item.scorer, item.reason) for item in found.refused] == [("scorer-1", WHY)]
    assert told(store, "rollout.refused") == []


def test_scorers_that_all_refuse_are_told_once(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    takes(store, caller, "scorer-2")
    cycle.make_version(store, caller, -1.1)
    store.hooks = {}
    refuses(store, caller, "scorer-1")
    refuses(store, caller, "scorer-2")
    refuses(store, caller, "scorer-1", at_us=6)
    assert [item["scorers"] for item in told(store, "rollout.refused")] == [["scorer-2", "scorer-1"]]


def test_a_scorer_that_fell_silent_is_not_waited_for(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    takes(store, caller, "scorer-2")
    cycle.make_version(store, caller, -1.1)
    refuses(store, caller, "scorer-1", at_us=5 + 61_000_000)
    assert cycle.last_release(store).stage is Stage.FAILED


def test_what_was_served_once_is_not_undone_by_a_scorer_that_starts_anew(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    refuses(store, caller)
    assert cycle.last_release(store).stage is Stage.CHAMPION
    assert served(store) == [("champion", 1)]
    assert len(status(store, caller).refused) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"refused": {"late": {"number": 1, "reason": WHY}}},
        {"refused": {"late": {"number": "2", "reason": WHY}}},
        {"refused": {"late": {"number": 2, "reason": 5}}},
        {"refused": {"late": [2]}},
        {"refused": ["late"]},
        {"refused": {"elsewhere": {"number": 2, "reason": WHY}}},
    ],
)
def test_a_report_about_nothing_in_force_changes_nothing(store: Store, caller: CallerOf, said: dict[str, Any]) -> None:
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    actions.report(store, caller("scorer"), "scorer-1", said, 6)
    cycle.work(store)
    assert cycle.last_release(store).stage is Stage.SHADOW


def test_only_a_scorer_is_believed(store: Store, caller: CallerOf) -> None:
    with_champion(store, caller)
    cycle.make_version(store, caller, -1.1)
    said = {"refused": {"late": {"number": document(store).number, "reason": WHY}}}
    actions.report(store, caller("application"), "scorer-1", said, 6)
    cycle.work(store)
    assert cycle.last_release(store).stage is Stage.SHADOW
