"""Guardrails of the open release, on the endpoint's page and in the terminal."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from rich.console import Console

from podium.cli import deploy
from podium.core import access, release
from podium.core.access import Role
from podium.core.release import Verdict
from podium.deploy.releases import store as releases
from podium.manage.access import actions as people
from podium.server import app, routes
from podium.store.store import Store
from tests import cycle, web_project

RAILS = (
    release.Guarded(
        metric="latency",
        margin=2.0,
        verdict=Verdict.WORSE,
        rows=200,
        first=3.25,
        second=9.5,
        difference=-6.25,
        low=-7.0,
        high=-5.5,
    ),
    release.Guarded(metric="equalised_odds", by="origin", margin=0.05, verdict=Verdict.NOT_ENOUGH_DATA, rows=70),
)


@pytest.fixture
def viewer(store: Store) -> Iterator[TestClient[Any]]:
    people.bootstrap(store, "root")
    admin = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=access.EVERYWHERE)
    people.create_user(store, admin, "rita")
    people.grant(store, admin, "rita", Role.VIEWER, "flights")
    with TestClient(app.build(store, routes.ALL)) as client:
        client.post("/login", data={"token": people.make_token(store, admin, "rita").secret, "next": "/"})
        client.headers["Accept"] = "text/html"
        yield client


def watched(store: Store, caller: Callable[..., access.Caller]) -> release.Release:
    """The open release with guardrails in its comparison."""
    web_project.fill(store, caller)
    item = cycle.last_release(store)
    seen = msgspec.structs.replace(cycle.comparison(Verdict.BETTER), guardrails=RAILS)
    changed = msgspec.structs.replace(item, comparison=seen)
    with store.plumbing() as connection:
        releases.change(connection, changed)
    return changed


def test_the_page_shows_each_guardrail(
    store: Store, caller: Callable[..., access.Caller], viewer: TestClient[Any]
) -> None:
    watched(store, caller)
    shown = viewer.get("/p/flights/endpoints/late").text
    table = shown.partition("Guardrails:")[2].partition("</table>")[0]
    assert "latency" in table
    assert "3.25" in table
    assert "equalised odds" in table
    assert "by origin" in table
    assert table.count('class="broken"') == 1


def test_the_terminal_shows_each_guardrail(store: Store, caller: Callable[..., access.Caller]) -> None:
    item = watched(store, caller)
    assert item.comparison is not None
    out = io.StringIO()
    for name, said in deploy._comparison(item.comparison):
        Console(file=out, width=200).print(name, said)
    assert "guard: latency worse 3.25 → 9.5, -6.25 [-7, -5.5] on 200 rows; may be worse by 2" in out.getvalue()
    assert "guard: equalised_odds by origin not-enough-data on 70 rows" in out.getvalue()


def test_guardrails_outlive_the_database(store: Store, caller: Callable[..., access.Caller]) -> None:
    item = watched(store, caller)
    with store.read() as connection:
        assert releases.get(connection, "flights", item.id).comparison == item.comparison


def test_nothing_is_said_to_differ_before_there_are_enough_rows(
    store: Store, caller: Callable[..., access.Caller], viewer: TestClient[Any]
) -> None:
    seen = watched(store, caller).comparison
    assert seen is not None
    early = {"difference": 0.0, "low": 0.0, "high": 0.0, "rows": 197, "verdict": Verdict.NOT_ENOUGH_DATA}
    young = msgspec.structs.replace(cycle.last_release(store), comparison=msgspec.structs.replace(seen, **early))
    assert young.comparison is not None
    with store.plumbing() as connection:
        releases.change(connection, young)
    shown = viewer.get("/p/flights/endpoints/late").text
    assert "197 rows so far that both scored." in shown
    assert " differs by " not in shown
    assert "Guardrails:" in shown
    told = dict(deploy._comparison(young.comparison))
    assert told[young.comparison.metric] == "197 rows so far that both scored"
    assert len(told) == 2 + len(RAILS)
