"""The routes of runs, in process: who may call them, and what they answer."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from podium.build.runs import actions, api
from podium.core import access, run
from podium.core.signature import Signature, Task
from podium.server import app
from podium.store.store import Store
from tests import training_project as made

RUNS = "/api/v1/projects/flights/runs"
Client = TestClient[Any]
Headers = Callable[..., dict[str, str]]


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with TestClient(app.build(store, api.routes)) as made_client:
        yield made_client


def body(store: Store) -> bytes:
    return msgspec.json.encode(
        run.RunRequest(
            model="delay",
            spec=made.spec(),
            dataset=made.register(store),
            code=run.Code(source_digest=store.blobs.put(b"code")),
            reason="by hand",
        )
    )


def test_a_run_is_asked_for_and_read(store: Store, client: Client, headers: Headers) -> None:
    scientist, content = headers("scientist"), body(store)
    answer = client.post(RUNS, headers=scientist, content=content)
    assert answer.status_code == 201
    found = msgspec.json.decode(answer.content, type=run.Run)
    assert (found.number, found.created_by) == (1, "the-scientist")
    assert client.get(f"{RUNS}/{found.id}", headers=scientist).json()["id"] == found.id
    assert client.get(f"{RUNS}/{found.id}/spec", headers=scientist).json()["seed"] == 3
    assert client.get(f"{RUNS}/{found.id}/log", headers=scientist).text == ""
    assert client.get(f"{RUNS}/{found.id}/files/model.onnx", headers=scientist).status_code == 404
    listed = client.get(RUNS, params={"model": "delay", "state": "requested"}, headers=scientist).json()
    assert [item["id"] for item in listed] == [found.id]
    assert client.get(RUNS, params={"after": found.id}, headers=scientist).json() == []
    assert client.get(RUNS, params={"limit": 0}, headers=scientist).status_code == 400


def test_artifacts_logs_and_comparison(store: Store, client: Client, headers: Headers) -> None:
    scientist, content = headers("scientist"), body(store)
    ids = []
    for _ in range(2):
        item = msgspec.json.decode(client.post(RUNS, headers=scientist, content=content).content, type=run.Run)
        signature = Signature(features=(), task=Task.BINARY, key="id", target="late")
        files = {"model.onnx": store.blobs.put(b"a model")}
        result = run.Result(signature=signature, metrics={}, files=files)
        environment = run.Environment(python="3.11", platform="here", packages=())
        with store.write(access.system("flights")) as tx:
            actions.finish_in(tx, item, result, environment, store.blobs.put(b"printed by the code"))
        ids.append(item.id)
    assert client.get(f"{RUNS}/{ids[0]}/files/model.onnx", headers=scientist).content == b"a model"
    assert client.get(f"{RUNS}/{ids[0]}/files/..%2Fsecret", headers=scientist).status_code == 404
    assert client.get(f"{RUNS}/{ids[0]}/log", params={"tail": 8}, headers=scientist).text == "the code"
    assert client.get(f"{RUNS}/{ids[0]}/compare/{ids[1]}", headers=scientist).json()["inputs"] == []


def test_who_may_not(store: Store, client: Client, headers: Headers) -> None:
    content, viewer = body(store), headers("viewer")
    assert client.post(RUNS, headers=viewer, content=content).status_code == 403
    assert client.post(RUNS, content=content).status_code == 401
    assert client.get(RUNS, headers=viewer).status_code == 200
    assert client.get("/api/v1/projects/elsewhere/runs", headers=viewer).status_code == 403
    assert client.get(f"{RUNS}/run-0", headers=viewer).status_code == 404
