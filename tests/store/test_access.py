"""Users, roles and tokens: who is let in, as what, and what is never kept."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy

from podium.core import access, errors
from podium.core.access import EVERYWHERE, Role
from podium.manage.access import actions
from podium.manage.access import store as rows
from podium.store import events
from podium.store.store import Store

ADMIN = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=EVERYWHERE)


@pytest.fixture
def secret(store: Store) -> str:
    return actions.bootstrap(store, "root").secret


def test_the_first_administrator_is_made_once(store: Store, secret: str) -> None:
    found = actions.authenticate(store, secret, "flights")
    assert found == access.Caller(name="root", roles=frozenset({Role.ADMIN}), project="flights")
    with pytest.raises(errors.Conflict, match="users already"):
        actions.bootstrap(store, "second")


def test_two_first_administrators_cannot_both_be_made(store: Store) -> None:
    def first(name: str) -> str | None:
        try:
            return actions.bootstrap(store, name).secret
        except errors.Conflict:
            return None

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(first, ["ana", "ben"]))
    assert sum(item is not None for item in made) == 1


def test_a_secret_is_shown_once_and_never_kept(store: Store, secret: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = actions.make_token(store, ADMIN, "root", note="laptop")
    hidden = made.secret.split("_", 2)[2]
    assert made.secret.startswith(f"pod_{made.token.id}_")
    assert actions.authenticate(store, made.secret, "flights") is not None
    with store.read() as connection:
        stored = [
            str(tuple(row))
            for table in (rows.tokens, events.events)
            for row in connection.execute(sqlalchemy.select(table))
        ]
    assert not any(part in text for text in stored for part in (hidden, secret.split("_", 2)[2]))
    assert made.secret not in caplog.text


@pytest.mark.parametrize(
    "wrong",
    ["", "pod", "pod__", "pod_x_y", "Bearer x", "pod_\x00_y", "pod_é_y", "x" * 10_000, "pod_' or 1=1_x"],
)
def test_what_is_no_token_lets_nobody_in(store: Store, secret: str, wrong: str) -> None:
    assert actions.authenticate(store, wrong, "flights") is None


def test_a_token_of_another_secret_lets_nobody_in(store: Store, secret: str) -> None:
    head, changed = secret[:-1], "A" if secret[-1] != "A" else "B"
    assert actions.authenticate(store, head + changed, "flights") is None
    assert actions.authenticate(store, head, "flights") is None


def test_tokens_expire_and_are_revoked(store: Store, secret: str, clock: Any) -> None:
    made = actions.make_token(store, ADMIN, "root", valid_for=timedelta(days=1))
    clock.advance(hours=23)
    assert actions.authenticate(store, made.secret, "flights") is not None
    clock.advance(hours=1)
    assert actions.authenticate(store, made.secret, "flights") is None
    lasting = actions.make_token(store, ADMIN, "root")
    assert actions.revoke_token(store, ADMIN, lasting.token.id).revoked
    assert actions.authenticate(store, lasting.secret, "flights") is None
    with pytest.raises(errors.Conflict):
        actions.revoke_token(store, ADMIN, lasting.token.id)


def test_people_revoke_their_own_tokens_only(store: Store, secret: str) -> None:
    actions.create_user(store, ADMIN, "ana")
    made = actions.make_token(store, ADMIN, "ana")
    reader = frozenset({Role.VIEWER})
    with pytest.raises(errors.NotFound):
        actions.revoke_token(store, access.Caller(name="ben", roles=reader, project=EVERYWHERE), made.token.id)
    own = access.Caller(name="ana", roles=reader, project=EVERYWHERE)
    assert actions.revoke_token(store, own, made.token.id).revoked
    with store.read() as connection:
        assert [item.id for item in rows.list_tokens(connection, user="ana")] == [made.token.id]


def test_roles_hold_in_their_project_or_everywhere(store: Store, secret: str) -> None:
    actions.create_user(store, ADMIN, "ana", "Ana Lima")
    actions.grant(store, ADMIN, "ana", Role.SCIENTIST, "flights")
    actions.grant(store, ADMIN, "ana", Role.VIEWER, EVERYWHERE)
    own = actions.make_token(store, ADMIN, "ana").secret
    in_flights = actions.authenticate(store, own, "flights")
    elsewhere = actions.authenticate(store, own, "trains")
    assert in_flights is not None
    assert elsewhere is not None
    assert in_flights.roles == {Role.SCIENTIST, Role.VIEWER}
    assert elsewhere.roles == {Role.VIEWER}
    actions.ungrant(store, ADMIN, "ana", Role.SCIENTIST, "flights")
    with pytest.raises(errors.NotFound):
        actions.ungrant(store, ADMIN, "ana", Role.SCIENTIST, "flights")
    with pytest.raises(errors.Conflict, match="already"):
        actions.grant(store, ADMIN, "ana", Role.VIEWER, EVERYWHERE)


def test_roles_that_cannot_be_given(store: Store, secret: str) -> None:
    actions.create_user(store, ADMIN, "ana")
    with pytest.raises(errors.Refused, match="never given"):
        actions.grant(store, ADMIN, "ana", Role.SYSTEM, "flights")
    for role in (Role.VALIDATOR, Role.OWNER):
        with pytest.raises(errors.Refused, match="oneself"):
            actions.grant(store, ADMIN, "root", role, "flights")
    local = access.Caller(name="lea", roles=frozenset({Role.ADMIN}), project="flights")
    for project in ("trains", EVERYWHERE):
        with pytest.raises(errors.Refused, match="where one administers"):
            actions.grant(store, local, "ana", Role.VIEWER, project)
    with pytest.raises(errors.NotFound):
        actions.grant(store, ADMIN, "nobody", Role.VIEWER, "flights")


def test_a_user_who_is_out_is_out(store: Store, secret: str) -> None:
    actions.create_user(store, ADMIN, "ana")
    own = actions.make_token(store, ADMIN, "ana").secret
    actions.set_active(store, ADMIN, "ana", active=False)
    assert actions.authenticate(store, own, "flights") is None
    with pytest.raises(errors.Refused, match="inactive"):
        actions.make_token(store, ADMIN, "ana")
    actions.set_active(store, ADMIN, "ana", active=True)
    assert actions.authenticate(store, own, "flights") is not None
    with pytest.raises(errors.Conflict):
        actions.set_active(store, ADMIN, "ana", active=True)


def test_the_last_administrator_stays(store: Store, secret: str) -> None:
    with pytest.raises(errors.Refused, match="last administrator"):
        actions.set_active(store, ADMIN, "root", active=False)
    with pytest.raises(errors.Refused, match="last administrator"):
        actions.ungrant(store, ADMIN, "root", Role.ADMIN, EVERYWHERE)
    actions.create_user(store, ADMIN, "ana")
    actions.grant(store, ADMIN, "ana", Role.ADMIN, EVERYWHERE)
    actions.set_active(store, ADMIN, "root", active=False)


def test_the_user_of_this_machine_is_made_once(store: Store, caller: Callable[..., access.Caller]) -> None:
    first = actions.personal_token(store, "local", note="notebook")
    second = actions.personal_token(store, "local", (Role.SCORER,))
    found = actions.authenticate(store, first, "flights")
    assert found is not None
    assert found.roles == {Role.SCIENTIST, Role.ENGINEER, Role.AUDITOR, Role.ADMIN, Role.SCORER}
    assert actions.authenticate(store, second, "flights") == found
    with store.read() as connection:
        assert [item.name for item in rows.list_users(connection)] == ["local"]
