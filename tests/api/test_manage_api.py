"""The routes of manage, in process: who may call them, and what they answer."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from podium.core import access, bundle, digest
from podium.manage.access import api as access_api
from podium.manage.approvals import api as approvals_api
from podium.manage.audit import api as audit_api
from podium.manage.lineage import api as lineage_api
from podium.manage.policies import actions as policies
from podium.manage.policies import api as policies_api
from podium.manage.registry import actions as registry
from podium.manage.registry import api as registry_api
from podium.server import app
from podium.store.store import Store
from tests import registered

ROUTES = [
    *access_api.routes,
    *approvals_api.routes,
    *audit_api.routes,
    *lineage_api.routes,
    *policies_api.routes,
    *registry_api.routes,
]
P = "/api/v1/projects/flights"
Client = TestClient[Any]
Headers = Callable[..., dict[str, str]]


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with TestClient(app.build(store, ROUTES)) as made:
        yield made


def apply(client: Client, headers: Headers) -> dict[str, Any]:
    source = client.post(f"{P}/sources", content=b"the code", headers=headers("scientist", "ana")).json()["digest"]
    body = {"spec": msgspec.to_builtins(registered.spec()), "source_digest": source}
    answer = client.put(f"{P}/models", json=body, headers=headers("scientist", "ana"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_version_goes_from_project_file_to_approval(client: Client, store: Store, headers: Headers) -> None:
    assert apply(client, headers)["name"] == "delay"
    registered.evaluated(store)
    version = f"{P}/models/delay/versions/1"
    reader = headers("viewer")
    assert client.get(version, headers=reader).json()["gates_passed"] is True
    assert [gate["passed"] for gate in client.get(f"{version}/gates", headers=reader).json()] == [True, True]
    assert client.get(f"{P}/approvals/pending", headers=reader).json()[0]["next"] == "validator"
    assert client.post(f"{version}/validate", json={}, headers=headers("owner")).status_code == 403
    first = client.post(f"{version}/validate", json={"comment": "good"}, headers=headers("validator"))
    assert first.status_code == 201, first.text
    again = client.post(f"{version}/approve", json={}, headers=headers("owner"))
    assert again.json()["role"] == "owner"
    assert client.get(version, headers=reader).json()["state"] == "approved"
    assert len(client.get(f"{version}/approvals", headers=reader).json()) == 2
    report = {"name": "stress", "content": {"held": True}}
    assert client.post(f"{version}/evidence", json=report, headers=headers("validator")).status_code == 201
    assert len(client.get(f"{version}/evidence", headers=reader).json()) == 3
    taken = client.post(f"{version}/approve/withdraw", json={"why": "x"}, headers=headers("owner"))
    assert taken.status_code == 409
    assert len(client.get(f"{P}/models/delay/versions", headers=reader).json()) == 1
    assert len(client.get(f"{P}/versions?state=approved", headers=reader).json()) == 1
    assert client.get(f"{P}/models/delay/dependencies", headers=reader).json()["model"] == "delay"


def test_scorers_fetch_the_files_that_a_bundle_lists(client: Client, store: Store, headers: Headers) -> None:
    apply(client, headers)
    item = registered.finished_run(store)
    file = bundle.File(path="model.onnx", digest=digest.of_bytes(b"model"), bytes=5)
    described = registered.manifest(item, (file,))
    address = registry.store_bundle(store, described, {"model.onnx": b"model"})
    files = f"{P}/bundles/{address}/files"
    scorer = headers("scorer")
    assert client.get(f"{files}/manifest.json", headers=scorer).status_code == 404
    with store.write(access.system("flights")) as tx:
        registry.register_in(tx, item, described, address)
    answer = client.get(f"{files}/manifest.json", headers=scorer)
    assert digest.of_bytes(answer.content) == address
    assert client.get(f"{files}/model.onnx", headers=scorer).content == b"model"
    for wrong in ("golden.arrow", "..%2Fmanifest.json", "a/b"):
        assert client.get(f"{files}/{wrong}", headers=scorer).status_code == 404
    assert client.get(f"{files}/model.onnx", headers=headers("viewer")).status_code == 403
    own = client.get(f"{P}/models/delay/versions/1/files/model.onnx", headers=headers("viewer"))
    assert own.content == b"model"


def test_gates_are_checked_without_being_kept(client: Client, headers: Headers) -> None:
    apply(client, headers)
    for text, valid in (("metrics.test.auc.value > 0.7", True), ("metrics.test.auk.value > 0.7", False)):
        body = {"expression": text, "model": "delay"}
        answer = client.post(f"{P}/gate-checks", json=body, headers=headers("viewer"))
        assert answer.json()["valid"] is valid


def test_people_are_managed_by_administrators(client: Client, headers: Headers) -> None:
    admin = headers("admin")
    assert client.post("/api/v1/users", json={"name": "lea"}, headers=headers("viewer")).status_code == 403
    assert client.post("/api/v1/users", json={"name": "lea"}, headers=admin).status_code == 201
    given = client.post("/api/v1/users/lea/grants", json={"role": "viewer", "project": "flights"}, headers=admin)
    assert given.status_code == 201
    token = client.post("/api/v1/tokens", json={"user": "lea", "valid_for": "1d"}, headers=admin).json()
    own = {"Authorization": f"Bearer {token['secret']}"}
    assert client.get(f"{P}/models", headers=own).json() == []
    assert client.get("/api/v1/tokens?user=lea", headers=admin).json()[0]["id"] == token["token"]["id"]
    assert "hash" not in client.get("/api/v1/tokens?user=lea", headers=admin).text
    assert client.post("/api/v1/users/lea/deactivate", headers=admin).status_code == 201
    assert client.get(f"{P}/models", headers=own).status_code == 401
    assert client.delete("/api/v1/users/lea/grants?role=viewer&within=flights", headers=admin).status_code == 200


def test_the_trail_is_read_verified_and_exported(client: Client, store: Store, headers: Headers) -> None:
    apply(client, headers)
    made = registered.register(store)
    with store.write(access.system("flights")) as tx:
        policies.attach_in(tx, made, "rows", {"test": 10})
    feed = client.get(f"{P}/events?kind=version.&limit=5", headers=headers("viewer")).json()
    assert [item["event"]["kind"] for item in feed] == ["version.registered"]
    assert client.get(f"{P}/audit/verify", headers=headers("viewer")).status_code == 403
    assert client.get(f"{P}/audit/verify", headers=headers("auditor")).json()["problem"] is None
    lines = client.get(f"{P}/audit/export", headers=headers("auditor")).text.splitlines()
    assert all('"number"' in line for line in lines)
    assert client.get("/api/v1/audit/events?kind=token.made", headers=headers("admin")).json()
    lineage = client.get(f"{P}/lineage/version/{made.digest}?direction=up", headers=headers("viewer")).json()
    assert {"run", "dataset", "model"} <= {node["noun"] for node in lineage["nodes"]}


@pytest.mark.parametrize("sent", ["king", "<b>king</b>", "a b", "k" * 200])
def test_what_was_sent_comes_back_only_where_it_is_a_name(client: Client, headers: Headers, sent: str) -> None:
    for body in ({"role": sent}, {"role": "owner", sent: 1}):
        answer = client.post("/api/v1/users/ana/grants", headers=headers("admin"), content=msgspec.json.encode(body))
        assert answer.status_code in (400, 422)
        assert ("enum value" in answer.json()["detail"]) or ("unknown field" in answer.json()["detail"])
        assert (sent in answer.text) == (sent == "king")
