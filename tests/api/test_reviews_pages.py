"""The review queue through its routes and its pages: what a person sees, says, and may not."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from podium.core import access
from podium.core.access import Role
from podium.core.review import Band, Review
from podium.manage.access import actions as people
from podium.monitor.intake import store as received
from podium.monitor.reviews import actions
from podium.monitor.reviews import store as rows
from podium.server import app, routes
from podium.store.store import Store
from tests import production

Client = TestClient[Any]
API = "/api/v1/projects/flights/reviews"
ADMIN = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=access.EVERYWHERE)


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with TestClient(app.build(store, routes.ALL)) as made:
        made.follow_redirects = False
        yield made


@pytest.fixture
def token(store: Store) -> Callable[[str], str]:
    people.bootstrap(store, "root")

    def make(role: str) -> str:
        people.create_user(store, ADMIN, f"{role}-person")
        people.grant(store, ADMIN, f"{role}-person", Role(role), "flights")
        return people.make_token(store, ADMIN, f"{role}-person").secret

    return make


@pytest.fixture
def waiting(store: Store) -> list[Review]:
    document = production.start(store, review=Band(low=0.3, high=0.5))
    production.send(store, production.traffic(store, document, 60, day=0).table, "s1")
    with store.read() as connection:
        segment = received.list_segments(connection, "flights")[0]
    with store.write(production.SYSTEM) as tx:
        actions.keep(tx, actions.read(store, segment.digest))
    with store.read() as connection:
        return rows.list_all(connection, "flights")


def test_the_queue_over_the_api(client: Client, token: Callable[[str], str], waiting: list[Review]) -> None:
    reviewer = {"Authorization": f"Bearer {token('reviewer')}"}
    viewer = {"Authorization": f"Bearer {token('viewer')}"}
    assert len(waiting) > 3
    listed = client.get(f"{API}?limit=2", headers=viewer).json()
    assert [each["id"] for each in listed] == [each.id for each in waiting[:2]]
    after = client.get(f"{API}?limit=1&after={waiting[1].id}", headers=viewer).json()
    assert after[0]["id"] == waiting[2].id
    assert client.get(f"{API}?endpoint=other", headers=viewer).json() == []
    one = client.get(f"{API}/{waiting[0].id}", headers=viewer).json()
    assert one["features"] == waiting[0].features
    why = client.get(f"{API}/{waiting[0].id}/explanation", headers=viewer).json()
    assert why["base"] + sum(why["contributions"].values()) == pytest.approx(why["margin"], abs=1e-9)
    body = {"decision": True, "reason": "Fog."}
    assert client.post(f"{API}/{waiting[0].id}/decide", json=body, headers=viewer).status_code == 403
    made = client.post(f"{API}/{waiting[0].id}/decide", json=body, headers=reviewer)
    assert made.status_code == 200, made.text
    assert (made.json()["decided_by"], made.json()["decision"]) == ("reviewer-person", True)
    assert client.post(f"{API}/{waiting[0].id}/decide", json=body | {"reason": ""}, headers=reviewer).status_code == 422
    other = client.post(f"{API}/{waiting[0].id}/decide", json=body | {"decision": False}, headers=reviewer)
    assert other.status_code == 409
    assert len(client.get(f"{API}?state=decided", headers=viewer).json()) == 1
    assert client.get(f"{API}/review-none", headers=viewer).status_code == 404


def test_a_person_decides_on_the_page(client: Client, token: Callable[[str], str], waiting: list[Review]) -> None:
    client.headers.update({"Accept": "text/html"})
    client.post("/login", data={"token": token("viewer"), "next": "/"})
    address = f"/p/flights/reviews/{waiting[0].id}"
    shown = client.get(address).text
    assert "Your decision" not in shown
    assert "What moved the score" in shown
    assert "distance" in shown
    client.cookies.clear()
    client.post("/login", data={"token": token("reviewer"), "next": "/"})
    assert f"{len(waiting)} predictions to decide" in client.get("/p/flights").text
    listed = client.get("/p/flights/reviews").text
    assert f"{len(waiting)} wait" in listed
    assert all(each.key in listed for each in waiting[:50])
    shown = client.get(address).text
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', shown)
    assert found is not None
    form = {"form_token": found[1], "do": "act", "reason": "Fog <b>over</b> the hub."}
    assert client.post(f"{address}/decide", data=form | {"reason": ""}).status_code == 422
    assert client.post(f"{address}/decide", data=form | {"form_token": "0" * 64}).status_code == 403
    answer = client.post(f"{address}/decide", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/p/flights/reviews/{waiting[1].id}")
    after = client.get(address).text
    assert "Fog &lt;b&gt;over&lt;/b&gt; the hub." in after
    assert "Your decision" not in after
    assert "Correct this decision" in after
    correction = form | {"do": "leave", "reason": "The fog had gone.", "correct": "yes"}
    answer = client.post(f"{address}/decide", data=correction)
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    after = client.get(address).text
    assert "do not act, by reviewer-person" in after
    assert "<dt>Before</dt><dd>act, by reviewer-person" in after
    assert "reviewer-person" in client.get("/p/flights/reviews?show=decided").text
    activity = client.get("/p/flights/activity?kind=review.").text
    assert "review.decided" in activity
