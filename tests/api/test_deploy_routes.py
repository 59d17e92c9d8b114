"""The routes of deploy, over HTTP: what scorers poll, and what engineers do."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from podium.bundle import signing
from podium.core import access, rollout
from podium.deploy.endpoints import api as endpoints
from podium.deploy.releases import api as releases
from podium.manage.access import actions as people
from podium.server import app
from podium.store.store import Store
from tests import cycle

CallerOf = Callable[..., access.Caller]
BASE = "/api/v1/projects/flights"


@pytest.fixture
def http(store: Store) -> Iterator[TestClient[Litestar]]:
    with TestClient(app.build(store, [*endpoints.routes, *releases.routes])) as client:
        yield client


Headers = Callable[[access.Role], dict[str, str]]
Http = TestClient[Litestar]


@pytest.fixture
def as_role(store: Store) -> Headers:
    def make(role: access.Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {people.personal_token(store, f'{role}-here', (role,))}"}

    return make


ENGINEER, SCORER, VIEWER = access.Role.ENGINEER, access.Role.SCORER, access.Role.VIEWER


@pytest.fixture(autouse=True)
def _serving(store: Store, caller: CallerOf) -> None:
    cycle.begin(store, caller)
    cycle.make_version(store, caller, -1.0)


def test_a_scorer_polls_and_verifies(store: Store, caller: CallerOf, http: Http, as_role: Headers) -> None:
    scorer = as_role(SCORER)
    assert http.get(f"{BASE}/rollouts", headers=scorer).json() == []
    assert http.get(f"{BASE}/endpoints/late/rollout", headers=scorer).status_code == 404
    cycle.approve(store, caller, 1)
    assert http.get(f"{BASE}/rollouts", headers=scorer).json() == [{"endpoint": "late", "number": 1}]
    answer = http.get(f"{BASE}/endpoints/late/rollout", headers=scorer)
    assert answer.headers["ETag"] == '"1"'
    signed = msgspec.json.decode(answer.content, type=rollout.Signed)
    key = msgspec.json.decode(http.get("/api/v1/keys").content, type=rollout.Key)
    signing.verify(key.public_key, signed.body, signed.signature)
    assert key.key_id == signed.key_id
    assert signed.rollout().routes[0].version == 1
    again = http.get(f"{BASE}/endpoints/late/rollout", headers={**scorer, "If-None-Match": '"1"'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", '"1"')

    said = {"rollouts": {"late": 1}}
    assert http.post(f"{BASE}/scorers/scorer-1", headers=scorer, json=said).status_code == 204
    status = http.get(f"{BASE}/endpoints/late", headers=as_role(VIEWER)).json()
    assert (status["settled"], status["scorers"][0]["scorer"]) == (True, "scorer-1")
    assert http.get(f"{BASE}/scorers", headers=as_role(VIEWER)).json()[0]["status"] == {**said, "taken": {"late": 1}}
    history = http.get(f"{BASE}/endpoints/late/rollouts", headers=as_role(VIEWER)).json()
    assert [item["number"] for item in history] == [1]


def test_an_engineer_releases_and_takes_back(store: Store, caller: CallerOf, http: Http, as_role: Headers) -> None:
    cycle.approve(store, caller, 1)
    engineer = as_role(ENGINEER)
    cycle.make_version(store, caller, -1.1)
    found = http.get(f"{BASE}/releases", headers=engineer, params={"endpoint": "late", "limit": 1}).json()
    assert (found[0]["version"], found[0]["stage"]) == (2, "shadow")
    path = f"{BASE}/releases/{found[0]['id']}"
    assert http.post(f"{path}/advance", headers=engineer).status_code == 409
    stopped = http.post(f"{path}/stop", headers=engineer, json={"reason": "Not meant."})
    assert (stopped.status_code, stopped.json()["note"]) == (200, "Not meant.")
    assert http.get(path, headers=engineer).json()["stage"] == "stopped"
    wanted = {"endpoint": "late", "version": 2, "reason": "Now."}
    assert http.post(f"{BASE}/releases", headers=engineer, json=wanted).json()["stage"] == "shadow"
    refused = http.post(f"{BASE}/endpoints/late/rollback", headers=engineer, json={"reason": "Complaints."})
    assert refused.status_code == 403
    assert http.delete(f"{BASE}/endpoints/late", headers=engineer).status_code == 409
    made = {"name": "other", "environment": "staging", "model": "delay"}
    assert http.post(f"{BASE}/endpoints", headers=engineer, json=made).status_code == 201
    names = [item["name"] for item in http.get(f"{BASE}/endpoints", headers=engineer).json()]
    assert names == ["late", "other"]
    assert http.delete(f"{BASE}/endpoints/other", headers=engineer).status_code == 204


def test_roles_are_asked_for(http: Http, as_role: Headers) -> None:
    viewer, scorer = as_role(VIEWER), as_role(SCORER)
    made = {"name": "other", "environment": "staging", "model": "delay"}
    assert http.post(f"{BASE}/endpoints", headers=viewer, json=made).status_code == 403
    assert http.get(f"{BASE}/rollouts", headers=viewer).status_code == 403
    assert http.get(f"{BASE}/releases", headers=scorer).status_code == 403
    assert http.get(f"{BASE}/releases").status_code == 401


def test_wrong_input_is_told_apart(http: Http, as_role: Headers) -> None:
    engineer = as_role(ENGINEER)
    assert http.post(f"{BASE}/endpoints/late/rollback", headers=engineer, json={"reason": ""}).status_code == 400
    assert http.get(f"{BASE}/releases", headers=engineer, params={"limit": 0}).status_code == 400
    assert http.get(f"{BASE}/releases/nothing", headers=engineer).status_code == 404
