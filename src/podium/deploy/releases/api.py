"""Routes of releases."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import Parameter

from podium.core import access, release
from podium.core.access import Permission
from podium.deploy.releases import actions, rollback
from podium.deploy.releases import store as rows
from podium.store.store import Store

_RELEASES = "/api/v1/projects/{project:str}/releases"
_ENDPOINT = "/api/v1/projects/{project:str}/endpoints/{endpoint:str}"
_LONGEST = 2000

Limit = Annotated[int, Parameter(ge=1, le=1000)]


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why, in a person's words."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST)]


@get(_RELEASES, opt={"permission": Permission.READ}, sync_to_thread=True)
def list_releases(
    store: Store, caller: access.Caller, endpoint: str | None = None, after: str | None = None, limit: Limit = 100
) -> Sequence[release.Release]:
    """Releases, newest first; `after` is the last id of the page before."""
    with store.read() as connection:
        return rows.list_all(connection, caller.project, endpoint=endpoint, before=after, limit=limit)


@get(_RELEASES + "/{identifier:str}", opt={"permission": Permission.READ}, sync_to_thread=True)
def get_release(store: Store, caller: access.Caller, identifier: str) -> release.Release:
    """One release."""
    with store.read() as connection:
        return rows.get(connection, caller.project, identifier)


@post(_RELEASES, opt={"permission": Permission.DEPLOY}, sync_to_thread=True)
def start_release(store: Store, caller: access.Caller, data: actions.NewRelease) -> release.Release:
    """Begin to bring a version to an endpoint."""
    return actions.start(store, caller, data)


@post(_RELEASES + "/{identifier:str}/stop", opt={"permission": Permission.DEPLOY}, status_code=200, sync_to_thread=True)
def stop_release(store: Store, caller: access.Caller, identifier: str, data: Reason) -> release.Release:
    """End an open release; the champion goes on alone."""
    return actions.stop(store, caller, identifier, data.reason)


@post(
    _RELEASES + "/{identifier:str}/advance",
    opt={"permission": Permission.DEPLOY},
    status_code=200,
    sync_to_thread=True,
)
def advance_release(store: Store, caller: access.Caller, identifier: str) -> release.Release:
    """Let an approved release go on, or a canary whose time is over."""
    return actions.advance(store, caller, identifier)


@post(_ENDPOINT + "/rollback", opt={"permission": Permission.DEPLOY}, status_code=200, sync_to_thread=True)
def roll_back(store: Store, caller: access.Caller, endpoint: str, data: Reason) -> release.Release:
    """Withdraw the canary, or let the version before the champion decide again."""
    return rollback.rollback(store, caller, endpoint, data.reason)


@delete(_ENDPOINT, opt={"permission": Permission.DEPLOY}, sync_to_thread=True)
def delete_endpoint(store: Store, caller: access.Caller, endpoint: str) -> None:
    """Delete an endpoint where nothing decides, or whose model is retired."""
    actions.remove_endpoint(store, caller, endpoint)


routes = [list_releases, get_release, start_release, stop_release, advance_release, roll_back, delete_endpoint]
