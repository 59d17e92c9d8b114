"""Endpoints: made, published to with consecutive signed documents, and never with what is not approved."""

import threading
from collections.abc import Callable

import pytest

from podium.bundle import signing
from podium.core import access, endpoint, rollout
from podium.core.errors import Conflict, Invalid, NotFound, PodiumError, Refused
from podium.core.rollout import RouteRole
from podium.deploy.endpoints import actions, publish
from podium.deploy.endpoints import store as rows
from podium.deploy.releases import actions as releases
from podium.manage.registry import actions as registry
from podium.manage.registry import store as versions
from podium.store.store import Store
from tests import cycle

CallerOf = Callable[..., access.Caller]
WANTED = actions.NewEndpoint(name="late", environment="production", model="delay")


@pytest.fixture(autouse=True)
def _inventory(store: Store, caller: CallerOf) -> None:
    cycle.begin(store, caller, release={"automatic": False})


def place_of(store: Store) -> endpoint.Endpoint:
    with store.read() as connection:
        return rows.get(connection, "flights", "late")


def serve(store: Store, caller: access.Caller, *routes: tuple[RouteRole, int, float]) -> rollout.Rollout:
    with store.write(caller) as tx:
        place = rows.get(tx.connection, "flights", "late", lock=True)
        made = [
            publish.route(tx, role, versions.version(tx.connection, "flights", "delay", number), weight)
            for role, number, weight in routes
        ]
        return publish.publish(store, tx, place, made)


def test_an_endpoint_is_made_once(store: Store, caller: CallerOf) -> None:
    engineer = caller("engineer")
    made = actions.create(store, engineer, WANTED)
    assert (made.rollout, made.champion, made.environment) == (0, None, "production")
    assert place_of(store) == made
    with pytest.raises(Conflict):
        actions.create(store, engineer, WANTED)
    with pytest.raises(NotFound):
        actions.create(store, engineer, actions.NewEndpoint(name="other", environment="production", model="nothing"))
    with pytest.raises(Invalid):
        actions.create(store, engineer, actions.NewEndpoint(name="Not a name", environment="dev", model="delay"))


def test_nothing_unapproved_decides(store: Store, caller: CallerOf) -> None:
    cycle.make_version(store, caller, -1.0)
    actions.create(store, caller("engineer"), WANTED)
    with pytest.raises(Refused, match="validator and owner"):
        serve(store, caller(), (RouteRole.CHAMPION, 1, 1.0))
    assert place_of(store).rollout == 0
    listening = serve(store, caller(), (RouteRole.SHADOW, 1, 0.0))
    assert (listening.number, listening.routes[0].approvals) == (1, ())


def test_an_approval_for_another_environment_does_not_count(store: Store, caller: CallerOf) -> None:
    cycle.make_version(store, caller, -1.0)
    actions.create(store, caller("engineer"), WANTED)
    cycle.approve(store, caller, 1, environment="staging")
    with pytest.raises(Refused, match="production"):
        serve(store, caller(), (RouteRole.CHAMPION, 1, 1.0))


def test_a_rollout_is_signed_and_holds_its_approvals(store: Store, caller: CallerOf) -> None:
    cycle.make_version(store, caller, -1.0)
    actions.create(store, caller("engineer"), WANTED)
    given = cycle.approve(store, caller, 1)
    made = serve(store, caller(), (RouteRole.CHAMPION, 1, 1.0))
    with store.read() as connection:
        signed = rows.signed(connection, "flights", "late", 1)
        assert rows.in_force(connection, "flights") == [rollout.InForce(endpoint="late", number=1)]
    signing.verify(store.public_key, signed.body, signed.signature)
    assert signed.rollout() == made
    assert signed.key_id == store.key_id
    champion = made.routes[0]
    assert (champion.threshold, champion.weight, set(champion.approvals)) == (0.4, 1.0, set(given))
    assert made.required == ("validator", "owner")
    assert place_of(store).champion == 1


def test_an_expired_approval_does_not_count(store: Store, caller: CallerOf, clock: object) -> None:
    cycle.make_version(store, caller, -1.0)
    actions.create(store, caller("engineer"), WANTED)
    cycle.approve(store, caller, 1)
    clock.advance(days=366)  # type: ignore[attr-defined]
    with pytest.raises(Refused):
        serve(store, caller(), (RouteRole.CHAMPION, 1, 1.0))


@pytest.mark.parametrize(
    "routes",
    [
        [(RouteRole.CHAMPION, 1, 0.9)],
        [(RouteRole.CANARY, 1, 1.0)],
        [(RouteRole.CHAMPION, 1, 0.5), (RouteRole.CHAMPION, 1, 0.5)],
        [(RouteRole.CHAMPION, 1, 1.0), (RouteRole.SHADOW, 1, 0.1)],
    ],
)
def test_weights_must_make_sense(store: Store, caller: CallerOf, routes: list[tuple[RouteRole, int, float]]) -> None:
    cycle.make_version(store, caller, -1.0)
    actions.create(store, caller("engineer"), WANTED)
    cycle.approve(store, caller, 1)
    with pytest.raises(Refused):
        serve(store, caller(), *routes)


def test_racing_publishers_get_consecutive_numbers(
    database_url: str, make_store: Callable[[str], Store], store: Store, caller: CallerOf
) -> None:
    cycle.make_version(store, caller, -1.0)
    actions.create(store, caller("engineer"), WANTED)
    failed: list[PodiumError] = []

    def race() -> None:
        mine = make_store(database_url)
        for _ in range(3):
            try:
                serve(mine, caller(), (RouteRole.SHADOW, 1, 0.0))
            except PodiumError as problem:
                failed.append(problem)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with store.read() as connection:
        assert [item.number for item in rows.history(connection, "flights", "late")] == list(range(12, 0, -1))
        assert [item.number for item in rows.history(connection, "flights", "late", before=3)] == [2, 1]
    assert place_of(store).rollout == 12


def test_status_says_how_far_the_scorers_are(store: Store, caller: CallerOf) -> None:
    cycle.make_version(store, caller, -1.0)
    actions.create(store, caller("engineer"), WANTED)
    scorer = caller("scorer")
    assert actions.status(store, caller(), "late").rollout is None
    serve(store, caller(), (RouteRole.SHADOW, 1, 0.0))
    actions.report(store, scorer, "scorer-1", {"rollouts": {"late": 1}}, 5)
    actions.report(store, scorer, "scorer-2", {"rollouts": {"other": 1}, "anything": [1]}, 5)
    found = actions.status(store, caller(), "late")
    assert found.settled
    assert found.scorers == (endpoint.Served(scorer="scorer-1", number=1, at_us=5),)
    serve(store, caller(), (RouteRole.SHADOW, 1, 0.0))
    assert not actions.status(store, caller(), "late").settled
    actions.report(store, scorer, "scorer-1", {"rollouts": {"late": 2}}, 6)
    assert actions.status(store, caller(), "late").settled
    with pytest.raises(Invalid):
        actions.report(store, scorer, "scorer-1", {"words": "x" * 70_000}, 7)


def test_projects_do_not_see_each_other(store: Store, caller: CallerOf) -> None:
    actions.create(store, caller("engineer"), WANTED)
    with pytest.raises(NotFound):
        actions.status(store, caller("engineer", project="elsewhere"), "late")


def test_an_endpoint_where_a_version_decides_stays(store: Store, caller: CallerOf) -> None:
    cycle.make_version(store, caller, -1.0)
    cycle.start(store, caller, 1)
    cycle.approve(store, caller, 1)
    engineer = caller("engineer")
    with pytest.raises(Conflict, match="decides"):
        releases.remove_endpoint(store, engineer, "late")
    registry.retire_model(store, caller("owner"), "delay")
    releases.remove_endpoint(store, engineer, "late")
    with store.read() as connection:
        assert rows.find(connection, "flights", "late") is None
        assert rows.history(connection, "flights", "late")[0].routes == ()


def test_numbers_go_on_where_an_endpoint_of_that_name_ended(store: Store, caller: CallerOf) -> None:
    cycle.make_version(store, caller, -1.0)
    actions.create(store, caller("engineer"), WANTED)
    serve(store, caller(), (RouteRole.SHADOW, 1, 0.0))
    releases.remove_endpoint(store, caller("engineer"), "late")
    assert actions.create(store, caller("engineer"), WANTED).rollout == 2
    assert serve(store, caller(), (RouteRole.SHADOW, 1, 0.0)).number == 3
