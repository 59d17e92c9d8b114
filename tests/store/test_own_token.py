"""The secret of this machine's own user: made once, used again, and replaced when it is no longer in force."""

from pathlib import Path

from podium.core import access
from podium.core.access import Role
from podium.manage.access import actions as people
from podium.manage.access import store as rows
from podium.server import own_token
from podium.store.store import Store

ADMIN = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=access.EVERYWHERE)


def kept(store: Store, home: Path, *roles: Role) -> str:
    return own_token.secret(store, home, "local", roles or (Role.SCIENTIST,), "a test")


def tokens(store: Store) -> int:
    with store.read() as connection:
        return len(rows.list_tokens(connection, user="local"))


def test_it_is_made_once_and_only_its_owner_reads_it(store: Store, tmp_path: Path) -> None:
    first = kept(store, tmp_path)
    assert kept(store, tmp_path) == first
    assert tokens(store) == 1
    (path,) = (tmp_path / "tokens").iterdir()
    assert path.read_text() == first
    assert path.stat().st_mode & 0o077 == 0
    found = people.authenticate(store, first, "flights")
    assert found is not None
    assert (found.name, set(found.roles)) == ("local", {Role.SCIENTIST})


def test_a_role_more_makes_a_new_one(store: Store, tmp_path: Path) -> None:
    first = kept(store, tmp_path)
    second = kept(store, tmp_path, Role.SCIENTIST, Role.ENGINEER)
    assert second != first
    assert kept(store, tmp_path, Role.ENGINEER) == second


def test_a_revoked_or_foreign_one_is_not_used(store: Store, tmp_path: Path) -> None:
    first = kept(store, tmp_path)
    with store.read() as connection:
        (token,) = rows.list_tokens(connection, user="local")
    people.revoke_token(store, ADMIN, token.id)
    second = kept(store, tmp_path)
    assert second != first
    (tmp_path / "tokens" / "local.token").write_bytes(b"\xff\xfenonsense")
    assert kept(store, tmp_path) not in (first, second)
    other = people.personal_token(store, "somebody", (Role.SCIENTIST,))
    (tmp_path / "tokens" / "local.token").write_text(other)
    assert kept(store, tmp_path) != other
