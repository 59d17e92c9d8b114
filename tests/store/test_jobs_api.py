"""The routes of jobs and schedules, in an app of their own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.testing import TestClient

from podium.core import access, event
from podium.core.errors import PodiumError
from podium.jobs import api, queue
from podium.store.store import Store

ROOT = "/api/v1/projects/flights"
NEW = {"name": "weekly", "cron": "0 3 * * 1", "kind": "monitor.window"}


def _problem(_request: Request[Any, Any, Any], problem: PodiumError) -> Response[dict[str, Any]]:
    return Response({"kind": problem.kind, "field": problem.field}, status_code=400)


@pytest.fixture
def client(store: Store, caller: Callable[..., access.Caller]) -> Iterator[TestClient[Litestar]]:
    app = Litestar(
        api.routes,
        dependencies={
            "store": Provide(lambda: store, sync_to_thread=False),
            "caller": Provide(lambda: caller("engineer"), sync_to_thread=False),
        },
        state=State({"schedulable": frozenset({"monitor.window"})}),
        exception_handlers={PodiumError: _problem},
    )
    with TestClient(app) as made:
        yield made


def test_jobs_are_listed_cancelled_and_retried(client: TestClient[Litestar], store: Store) -> None:
    with store.write(access.system("flights")) as tx:
        tx.record("thing.asked", event.Subject("thing", "t"), permission=access.Permission.DEPLOY)
        ids = [queue.enqueue(tx, kind, {"n": 1}, project="flights") for kind in ("a", "b")]
    assert {one["id"] for one in client.get(f"{ROOT}/jobs").json()} == set(ids)
    assert client.get(f"{ROOT}/jobs/idle").json() == {"active": 2}
    assert client.get("/api/v1/projects/other/jobs/idle").json() == {"active": 0}
    assert client.get(f"{ROOT}/jobs/{ids[0]}").json()["args"] == {"n": 1}
    assert client.get(f"/api/v1/projects/other/jobs/{ids[0]}").json() == {"kind": "not-found", "field": "job"}
    assert client.post(f"{ROOT}/jobs/{ids[0]}/cancel").json()["state"] == "cancelled"
    assert [one["id"] for one in client.get(f"{ROOT}/jobs", params={"active": "true"}).json()] == [ids[1]]
    assert [one["id"] for one in client.get(f"{ROOT}/jobs", params={"state": "cancelled"}).json()] == [ids[0]]
    assert [one["id"] for one in client.get(f"{ROOT}/jobs", params={"kind": "b"}).json()] == [ids[1]]
    assert len(client.get(f"{ROOT}/jobs", params={"limit": 1}).json()) == 1
    assert client.post(f"{ROOT}/jobs/{ids[0]}/retry").json()["state"] == "queued"
    assert client.post(f"{ROOT}/jobs/{ids[0]}/retry").json()["kind"] == "conflict"
    for wrong in ({"limit": 0}, {"limit": 10**6}, {"state": "lost"}):
        assert client.get(f"{ROOT}/jobs", params=wrong).status_code == 400


def test_schedules_are_made_listed_and_deleted(client: TestClient[Litestar]) -> None:
    made = client.post(f"{ROOT}/schedules", json=NEW)
    assert made.status_code == 201
    assert client.get(f"{ROOT}/schedules").json() == [made.json()]
    assert client.post(f"{ROOT}/schedules", json=NEW).json()["kind"] == "conflict"
    assert client.post(f"{ROOT}/schedules", json={**NEW, "name": "x", "kind": "no"}).json()["field"] == "kind"
    assert client.post(f"{ROOT}/schedules", json={**NEW, "name": "x", "cron": "often"}).json()["field"] == "cron"
    assert client.post(f"{ROOT}/schedules", json={**NEW, "other": 1}).status_code == 400
    assert client.delete(f"{ROOT}/schedules/weekly").status_code == 204
    assert client.get(f"{ROOT}/schedules").json() == []


def test_every_route_declares_its_permission() -> None:
    asked = {route.fn.__name__: route.opt["permission"] for route in api.routes}
    reads = {name for name, permission in asked.items() if permission is access.Permission.READ}
    assert reads == {"list_jobs", "idle", "get_job", "list_schedules"}
    assert {asked[name] for name in asked.keys() - reads} == {access.Permission.DEPLOY}
