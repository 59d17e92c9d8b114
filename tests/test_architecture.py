"""What no linter checks: the shape of the code that CONTRIBUTING describes."""

from pathlib import Path

import pytest
from litestar import get
from tools import routes

from podium.core.access import Permission
from podium.core.config import Config
from podium.server import app, wiring

SOURCE = Path(__file__).parents[1] / "src" / "podium"
LONGEST = 300
ONE_IDEA: dict[str, str] = {
    "bundle/columns.py": "every way in and out of the canonical columns, with one rule for each type",
    "core/project.py": "the project file's tables, a type each",
    "scoring/http/connection.py": "one client's connection: bytes in, requests on, answers out in order",
}
"""Files that are longer and stay so, each with the one idea that it holds."""
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def test_every_route_declares_a_permission() -> None:
    found = routes.every()
    public = {one.path for one in found if not one.permission}
    assert {one.permission for one in found if one.permission} <= {str(permission) for permission in Permission}
    assert public <= PUBLIC, "say why before a route is open to anybody"


PUBLIC = {"/healthz", "/api/v1/keys", "/", "/login", "/logout", "/static/{name}"}
"""Whether it is alive, the public key by which anybody can verify its signatures, and the way to sign in."""


def test_the_server_does_not_start_with_a_route_that_declares_none(tmp_path: Path) -> None:
    @get("/open", sync_to_thread=False)
    def unguarded() -> str:
        return "anybody"

    store = wiring.open_store(Config(home=str(tmp_path)))
    try:
        with pytest.raises(RuntimeError, match="/open declares no permission"):
            app.build(store, [unguarded])
    finally:
        store.database.close()


def test_only_the_root_init_holds_anything() -> None:
    full = [name(path) for path in files() if path.name == "__init__.py" and path.read_text().strip()]
    assert full == ["__init__.py"]


def test_files_are_named_after_a_thing() -> None:
    assert [name(path) for path in files() if set(path.stem.split("_")) & VAGUE or path.parent.name in VAGUE] == []


def test_a_long_file_is_one_idea_and_says_which() -> None:
    long = {name(path) for path in files() if len(path.read_text().splitlines()) > LONGEST}
    assert long - set(ONE_IDEA) == set(), "split by verb, or say which one idea it holds"
    assert [one for one in ONE_IDEA if not (SOURCE / one).is_file()] == []


def test_test_files_have_different_names() -> None:
    seen = [path.name for path in (SOURCE.parents[1] / "tests").rglob("test_*.py")]
    assert len(seen) == len(set(seen))
