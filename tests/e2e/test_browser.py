"""The pages in a real browser: signed in by the form, drawn, and without a word of complaint in the console."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podium.core import access
from podium.manage.access import actions as people
from podium.manage.registry import store as registry
from podium.server import app, routes, serve
from podium.store.store import Store
from tests import browser, web_project

CallerOf = Callable[..., access.Caller]
SMALLEST_PICTURE = 20_000
"""Bytes; a blank page of this size has about 5 000."""


@pytest.fixture
def chromium() -> str:
    found = browser.installed()
    if found is None and os.environ.get("CI"):
        pytest.fail("Chromium is not installed; .ci/run installs it")
    return found or pytest.skip("Chromium is not installed")


@pytest.fixture
def one_store(sqlite_template: Path, tmp_path: Path, make_store: Callable[[str], Store]) -> Store:
    shutil.copy(sqlite_template, tmp_path / "podium.db")
    return make_store(f"sqlite:///{tmp_path / 'podium.db'}")


@pytest.fixture
def url(one_store: Store, caller: CallerOf) -> Iterator[str]:
    web_project.fill(one_store, caller)
    web_project.rehearse(one_store)
    listener = serve.bind("127.0.0.1", 0)
    server = serve.server(app.build(one_store, routes.ALL), "warning")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


def test_a_person_signs_in_looks_around_and_decides(chromium: str, url: str, one_store: Store, tmp_path: Path) -> None:
    secret = people.personal_token(one_store, "valentina", (access.Role.VIEWER, access.Role.VALIDATOR))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with browser.tab(chromium, tmp_path / "profile") as tab:
        tab.open(f"{url}/p/flights")
        assert tab.value("location.pathname") == "/login"
        tab.look(pictures / "login.png")
        tab.value(f"document.querySelector('input[name=token]').value = '{secret}'")
        tab.submit("document.querySelector('main form').requestSubmit()")
        assert tab.value("location.pathname") == "/p/flights"
        assert tab.value("document.cookie") == ""
        assert len(tab.look(pictures / "overview.png")) > SMALLEST_PICTURE
        assert tab.value("document.querySelectorAll('.card').length") >= 4
        assert tab.value("getComputedStyle(document.querySelector('.card')).borderTopStyle") == "solid"
        for name, address in addresses(one_store).items():
            tab.open(f"{url}{address}")
            assert len(tab.look(pictures / f"{name}.png")) > SMALLEST_PICTURE, name
            tab.look(pictures / f"{name}-dark.png", dark=True)
            tab.look(pictures / f"{name}-small.png", width=390, height=800)
            assert tab.value("document.documentElement.scrollWidth") <= 390, name
        tab.open(f"{url}/p/flights/models/delay/versions/2")
        tab.submit("document.querySelector('button[value=yes]').click()")
        assert "valentina" in tab.value("document.querySelector('#decide').parentElement.innerText")
        assert tab.errors == []


def addresses(store: Store) -> dict[str, str]:
    """Pages worth a look."""
    with store.read() as connection:
        run = registry.version(connection, "flights", "delay", 1).run
    return {
        "models": "/p/flights/models",
        "model": "/p/flights/models/delay",
        "version": "/p/flights/models/delay/versions/2",
        "endpoint": "/p/flights/endpoints/late",
        "alerts": "/p/flights/alerts",
        "activity": "/p/flights/activity",
        "run": f"/p/flights/runs/{run}",
        "data": "/p/flights/data",
    }
