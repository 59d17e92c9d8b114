"""Who calls the routes: a person for each role, made when first asked for."""

from collections.abc import Callable

import pytest

from podium.core import access
from podium.core.access import EVERYWHERE, Role
from podium.manage.access import actions as people
from podium.store.store import Store

Headers = Callable[..., dict[str, str]]


@pytest.fixture
def headers(store: Store) -> Headers:
    """The headers of a person with that role (in the project `flights`; an administrator everywhere)."""
    people.bootstrap(store, "root")
    admin = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=EVERYWHERE)
    made: dict[str, dict[str, str]] = {}

    def of(role: str, name: str = "") -> dict[str, str]:
        if role not in made:
            who = name or f"the-{role}"
            people.create_user(store, admin, who)
            people.grant(store, admin, who, Role(role), EVERYWHERE if role == "admin" else "flights")
            made[role] = {"Authorization": f"Bearer {people.make_token(store, admin, who).secret}"}
        return made[role]

    return of
