"""Routes of users, grants and tokens. Users and tokens belong to no project."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import Parameter

from podium.core import access, time
from podium.core.access import Permission
from podium.core.errors import Refused
from podium.manage.access import actions
from podium.manage.access import store as rows
from podium.store.store import Store

_USERS = "/api/v1/users"
_GRANTS = "/api/v1/projects/{project:str}/grants"
_TOKENS = "/api/v1/tokens"

Limit = Annotated[int, Parameter(ge=1, le=1000)]


class NewUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to make."""

    name: str
    full_name: str = ""


class NewGrant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to give; everywhere when `project` is `*`."""

    role: access.Role
    project: str = access.EVERYWHERE


class NewProjectGrant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to give in the project of the route."""

    user: str
    role: access.Role


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to make: for whom (empty: the caller), and for how long, for example `90d` (empty: until revoked)."""

    user: str = ""
    note: str = ""
    valid_for: str = ""


@get(_USERS, opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def list_users(store: Store, after: str = "", limit: Limit = 100) -> Sequence[access.User]:
    """Users by name."""
    with store.read() as connection:
        return rows.list_users(connection, after=after, limit=limit)


@post(_USERS, opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def create_user(store: Store, caller: access.Caller, data: NewUser) -> access.User:
    """Make a user."""
    return actions.create_user(store, caller, data.name, data.full_name)


@get(_USERS + "/{name:str}", opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def get_user(store: Store, name: str) -> access.User:
    """A user."""
    with store.read() as connection:
        return rows.user(connection, name)


@post(_USERS + "/{name:str}/deactivate", opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def deactivate(store: Store, caller: access.Caller, name: str) -> access.User:
    """Keep a user out."""
    return actions.set_active(store, caller, name, active=False)


@post(_USERS + "/{name:str}/activate", opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def activate(store: Store, caller: access.Caller, name: str) -> access.User:
    """Let a user in again."""
    return actions.set_active(store, caller, name, active=True)


@get(_USERS + "/{name:str}/grants", opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def grants_of(store: Store, name: str) -> Sequence[access.Grant]:
    """A user's roles, in every project."""
    with store.read() as connection:
        return rows.list_grants(connection, user=rows.user(connection, name).name)


@post(_USERS + "/{name:str}/grants", opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def grant(store: Store, caller: access.Caller, name: str, data: NewGrant) -> access.Grant:
    """Give a role in any project, or everywhere."""
    return actions.grant(store, caller, name, data.role, data.project)


@delete(_USERS + "/{name:str}/grants", status_code=200, opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def ungrant(
    store: Store, caller: access.Caller, name: str, role: access.Role, within: str = access.EVERYWHERE
) -> access.Grant:
    """Take a role back; `within` names the project."""
    return actions.ungrant(store, caller, name, role, within)


@get(_GRANTS, opt={"permission": Permission.READ}, sync_to_thread=True)
def project_grants(store: Store, caller: access.Caller) -> Sequence[access.Grant]:
    """Who has which role in this project (those given everywhere are listed with the users)."""
    with store.read() as connection:
        return rows.list_grants(connection, project=caller.project)


@post(_GRANTS, opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def project_grant(store: Store, caller: access.Caller, data: NewProjectGrant) -> access.Grant:
    """Give a role in this project."""
    return actions.grant(store, caller, data.user, data.role, caller.project)


@delete(_GRANTS + "/{user:str}/{role:str}", status_code=200, opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def project_ungrant(store: Store, caller: access.Caller, user: str, role: access.Role) -> access.Grant:
    """Take a role in this project back."""
    return actions.ungrant(store, caller, user, role, caller.project)


@get(_TOKENS, opt={"permission": Permission.READ}, sync_to_thread=True)
def list_tokens(
    store: Store, caller: access.Caller, user: str | None = None, after: str = "", limit: Limit = 100
) -> Sequence[access.Token]:
    """The caller's own tokens; administrators name another `user`."""
    if user not in (None, caller.name) and not caller.may(Permission.ADMIN):
        raise Refused("Only administrators see other people's tokens.", field="user", fix="Leave it out.")
    with store.read() as connection:
        return rows.list_tokens(connection, user=user or caller.name, after=after, limit=limit)


@post(_TOKENS, opt={"permission": Permission.ADMIN}, sync_to_thread=True)
def make_token(store: Store, caller: access.Caller, data: TokenRequest) -> access.NewToken:
    """Make a token; its secret is shown here, once."""
    valid_for = time.parse_duration(data.valid_for, "valid_for") if data.valid_for else None
    return actions.make_token(store, caller, data.user or caller.name, note=data.note, valid_for=valid_for)


@post(_TOKENS + "/{token:str}/revoke", opt={"permission": Permission.READ}, sync_to_thread=True)
def revoke_token(store: Store, caller: access.Caller, token: str) -> access.Token:
    """Make a token useless: one's own, or as an administrator anybody's."""
    return actions.revoke_token(store, caller, token)


routes = [
    list_users,
    create_user,
    get_user,
    deactivate,
    activate,
    grants_of,
    grant,
    ungrant,
    project_grants,
    project_grant,
    project_ungrant,
    list_tokens,
    make_token,
    revoke_token,
]
