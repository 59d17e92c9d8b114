"""Every route that takes a body, and what is no good body: told as the caller's fault, never as a defect of ours."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from podium.core import access
from podium.core.access import EVERYWHERE, Role
from podium.manage.access import actions as people
from podium.server import app, routes
from podium.store.store import Store

DEEP = 200_000
BAD = {
    "nothing": b"",
    "not JSON": b"}",
    "not UTF-8": b'{"name":"\xff\xfe"}',
    "a lone surrogate": b'{"name":"\\ud800","comment":"\\ud800","reason":"\\udfff"}',
    "a zero byte": b'{"name":"a\\u0000b","comment":"a\\u0000b"}',
    "NaN": b'{"name":NaN}',
    "a number beyond floats": b'{"value":1e400,"at_us":1e400}',
    "a number beyond integers": b'{"at_us":99999999999999999999999}',
    "the wrong shape": b'["a",1,null,{}]',
    "a number": b"17",
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep within": b'{"args":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a long name": b'{"name":"' + b"x" * 100_000 + b'"}',
    "Arrow that is none": b"\xff\xff\xff\xff\x10\x00\x00\x00" + bytes(64),
    "Parquet that is none": b"PAR1" + bytes(64) + b"PAR1",
    "gzip that is none": b"\x1f\x8b" + bytes(64),
}
MEDIA = {
    "Arrow that is none": "application/vnd.apache.arrow.stream",
    "Parquet that is none": "application/vnd.apache.parquet",
    "gzip that is none": "application/gzip",
}


@pytest.fixture
def client(sqlite_template: Path, make_store: Callable[[str], Store], tmp_path: Path) -> Iterator[TestClient[Any]]:
    """All routes, on one database: it is the reading of bodies that is asked, and there are many."""
    shutil.copy(sqlite_template, tmp_path / "podium.db")
    store = make_store(f"sqlite:///{tmp_path / 'podium.db'}")
    people.bootstrap(store, "root")
    admin = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=EVERYWHERE)
    people.create_user(store, admin, "everyone")
    for role in Role:
        if role is not Role.SYSTEM:
            people.grant(store, admin, "everyone", role, EVERYWHERE)
    secret = people.make_token(store, admin, "everyone").secret
    with TestClient(app.build(store, routes.ALL), raise_server_exceptions=False) as made:
        made.headers["Authorization"] = f"Bearer {secret}"
        yield made


def _taking(client: TestClient[Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for route in client.app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/"):
            methods = route.methods & {"POST", "PUT", "PATCH"}
            path = "/".join("1" if ":int}" in part else "x" if "{" in part else part for part in route.path.split("/"))
            found.extend((method, path) for method in methods)
    return sorted(found)


def test_a_bad_body_is_the_callers_fault(client: TestClient[Any]) -> None:
    taking = _taking(client)
    assert len(taking) > 30
    refused = []
    for kind, body in BAD.items():
        for method, path in taking:
            headers = {"Content-Type": MEDIA.get(kind, "application/json")}
            answer = client.request(method, path, content=body, headers=headers, params={"source": "a test"})
            said = (kind, method, path, answer.status_code, answer.text[:300])
            assert answer.status_code < 500, said
            assert len(answer.content) < 2000, said
            refused.append(answer.status_code >= 400)
            if answer.status_code >= 400:
                assert answer.headers["Content-Type"] == "application/problem+json", said
                assert "xxxxxxxxxx" not in answer.text, said
    assert sum(refused) > 0.8 * len(refused), "bad bodies are taken nearly everywhere"
