"""What decisions were worth, on the pages, over HTTP and in the terminal."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from rich.console import Console

from podium.cli import console
from podium.cli import value as command
from podium.core import access, value, window
from podium.core.access import Role
from podium.manage.access import actions as people
from podium.server import app, routes
from podium.store.store import Store
from tests import web_project


@pytest.fixture
def viewer(store: Store, caller: Callable[..., access.Caller]) -> Iterator[TestClient[Any]]:
    web_project.fill(store, caller)
    people.bootstrap(store, "root")
    admin = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=access.EVERYWHERE)
    people.create_user(store, admin, "rita")
    people.grant(store, admin, "rita", Role.VIEWER, "flights")
    secret = people.make_token(store, admin, "rita").secret
    with TestClient(app.build(store, routes.ALL)) as client:
        client.post("/login", data={"token": secret, "next": "/"})
        client.headers["Authorization"] = f"Bearer {secret}"
        client.headers["Accept"] = "text/html"
        yield client


def test_the_endpoints_page_says_what_its_decisions_were_worth(viewer: TestClient[Any]) -> None:
    shown = viewer.get("/p/flights/endpoints/late").text.partition('id="value"')[2].partition("</section>")[0]
    assert "310 euros less than never acting" in shown
    assert "[-360, -260]" in shown
    assert "missed connections" in shown
    assert "234 rows still wait" in shown
    assert shown.count("never acting") == 2, "once in words, once in the table, where it is the baseline"
    rows = shown.partition("<tbody>")[2].split("<tr")[1:]
    assert ["broken" in row for row in rows] == [True, False]
    assert "0.04, -0.31; limit 0" in rows[0], "the windows before it, oldest first"
    assert "version 7, the champion before" in rows[1]


@pytest.mark.parametrize("address", ["/p/flights", "/p/flights/models/delay"])
def test_an_owner_sees_it_at_a_glance(viewer: TestClient[Any], address: str) -> None:
    assert "310 euros less than never acting" in viewer.get(address).text


def test_programs_read_it_newest_first(viewer: TestClient[Any]) -> None:
    address = "/api/v1/projects/flights/endpoints/late/value"
    found = msgspec.convert(viewer.get(address).json(), list[value.WindowValue])
    assert [each.gains[0].total for each in found] == [-310.0, 40.0]
    older = viewer.get(address, params={"after": found[0].window.end_us}).json()
    assert [each["window"] for each in older] == [msgspec.to_builtins(found[1].window)]
    assert viewer.get("/api/v1/projects/flights/endpoints/none/value").status_code == 404
    assert viewer.get(address, params={"limit": 0}).status_code == 400


def test_the_terminal_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    span = window.Window(0, 7 * web_project.DAY_US)
    item = web_project.worth(span, -310.0)
    rows = command._rows(item)
    assert [row[5] for row in rows] == ["never acting", "version 7, the champion before"]
    out = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=out, width=200))
    console.table([item], command._HEADS, rows)
    assert "-0.8123 [-0.9, -0.7]" in out.getvalue()
    assert "-310" in out.getvalue()
    assert str(command.short(item)) == "310 euros less than never acting"
    assert command.short(item).style == "red"
    assert str(command.short(None)) == "not known"
