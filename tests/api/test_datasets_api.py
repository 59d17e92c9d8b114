"""The routes of datasets: bytes in, a digest out."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet
import pytest
from litestar.testing import TestClient

from podium.build.datasets import api, snapshot
from podium.core import access, dataset
from podium.manage.access import actions as people
from podium.server import app
from podium.store.store import Store

BASE = "/api/v1/projects/flights"
ROWS = snapshot.to_parquet(pyarrow.table({"id": ["a", "b"], "n": [1, 2]}))
Client = TestClient[Any]
Headers = Callable[[access.Role], dict[str, str]]


@pytest.fixture
def http(store: Store) -> Iterator[Client]:
    with TestClient(app.build(store, api.routes)) as client:
        yield client


@pytest.fixture
def as_role(store: Store) -> Headers:
    def make(role: access.Role) -> dict[str, str]:
        token = people.personal_token(store, f"{role}-here", (role,))
        return {"Authorization": f"Bearer {token}", "Content-Type": api.PARQUET}

    return make


SCIENTIST, VIEWER = access.Role.SCIENTIST, access.Role.VIEWER


def test_a_snapshot_goes_up_and_comes_down(http: Client, as_role: Headers) -> None:
    scientist, viewer = as_role(SCIENTIST), as_role(VIEWER)
    answer = http.post(f"{BASE}/datasets/sales?source=sales.csv", content=ROWS, headers=scientist)
    assert answer.status_code == 201
    made = msgspec.json.decode(answer.content, type=dataset.DatasetVersion)
    again = http.put(f"{BASE}/datasets/sales?source=elsewhere", content=ROWS, headers=scientist)
    assert msgspec.json.decode(again.content, type=dataset.DatasetVersion) == made
    other = snapshot.to_parquet(pyarrow.table({"id": ["c"], "n": [3]}))
    child = http.post(
        f"{BASE}/datasets/sales?source=new&parents={made.digest}", content=other, headers=scientist
    ).json()
    assert (child["number"], child["parents"]) == (2, [made.digest])
    assert http.get(f"{BASE}/dataset-versions/{made.digest}", headers=viewer).json()["rows"] == 2
    content = http.get(f"{BASE}/dataset-versions/{made.digest}/content", headers=viewer)
    assert content.content == ROWS
    assert content.headers["content-type"] == api.PARQUET
    assert content.headers["etag"] == f'"{made.digest}"'
    for path in ("datasets", "datasets/sales"):
        listed = http.get(f"{BASE}/{path}", headers=viewer).json()
        assert [version["number"] for version in listed] == [2, 1]
        after = http.get(f"{BASE}/{path}?after={listed[0]['id']}&limit=1", headers=viewer).json()
        assert [version["number"] for version in after] == [1]


def test_what_is_refused_says_why(http: Client, as_role: Headers) -> None:
    scientist, viewer = as_role(SCIENTIST), as_role(VIEWER)
    wrong = [
        ("datasets/sales?source=x", b"", 422, "Parquet"),
        ("datasets/sales?source=x", b"file:///etc/passwd", 422, "Parquet"),
        ("datasets/sales?source=x", b"https://example.org/rows.parquet", 422, "Parquet"),
        ("datasets/Sales!?source=x", ROWS, 422, "lower-case"),
        ("datasets/sales?source=", ROWS, 422, "source"),
        ("datasets/sales?source=x&parents=sha256:0", ROWS, 422, "digest"),
        ("datasets/sales?source=x&parents=sha256:" + "0" * 64, ROWS, 404, "parent"),
    ]
    for path, body, status, words in wrong:
        answer = http.post(f"{BASE}/{path}", content=body, headers=scientist)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert http.post(f"{BASE}/datasets/sales", content=ROWS, headers=scientist).status_code == 400
    assert http.post(f"{BASE}/datasets/sales?source=x", content=ROWS, headers=viewer).status_code == 403
    assert http.post(f"{BASE}/datasets/sales?source=x", content=ROWS).status_code == 401
    for path, status in (
        ("datasets/sales", 404),
        ("dataset-versions/sha256:" + "0" * 64, 404),
        ("dataset-versions/nothing", 422),
        ("datasets?limit=0", 400),
    ):
        assert http.get(f"{BASE}/{path}", headers=viewer).status_code == status, path
    assert http.get(f"{BASE}/datasets", headers=viewer).json() == []
