"""Routes of endpoints: for people, and for the scorers that serve them."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import Parameter

from podium.core import access, endpoint, rollout, time
from podium.core.access import Permission
from podium.deploy.endpoints import actions
from podium.deploy.endpoints import store as rows
from podium.store.store import Store

_PROJECT = "/api/v1/projects/{project:str}"
_ENDPOINT = _PROJECT + "/endpoints/{name:str}"

Limit = Annotated[int, Parameter(ge=1, le=1000)]


@get(_PROJECT + "/endpoints", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_endpoints(
    store: Store, caller: access.Caller, model: str | None = None, after: str = "", limit: Limit = 100
) -> Sequence[endpoint.Endpoint]:
    """Endpoints by name; `after` is the last name of the page before."""
    with store.read() as connection:
        return rows.list_all(connection, caller.project, model=model, after=after, limit=limit)


@post(_PROJECT + "/endpoints", opt={"permission": Permission.DEPLOY}, sync_to_thread=True)
def create_endpoint(store: Store, caller: access.Caller, data: actions.NewEndpoint) -> endpoint.Endpoint:
    """Make an endpoint for a model."""
    return actions.create(store, caller, data)


@get(_ENDPOINT, opt={"permission": Permission.READ}, sync_to_thread=True)
def get_endpoint(store: Store, caller: access.Caller, name: str) -> endpoint.Status:
    """An endpoint, what it serves, and how far its scorers have come."""
    return actions.status(store, caller, name)


@get(_ENDPOINT + "/rollouts", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_rollouts(
    store: Store, caller: access.Caller, name: str, after: int | None = None, limit: Limit = 100
) -> Sequence[rollout.Rollout]:
    """Every rollout document of an endpoint, newest first; `after` is the last number of the page before."""
    with store.read() as connection:
        return rows.history(connection, caller.project, name, before=after, limit=limit)


@get(_PROJECT + "/rollouts", opt={"permission": Permission.SERVE}, sync_to_thread=True)
def rollouts_in_force(store: Store, caller: access.Caller) -> Sequence[rollout.InForce]:
    """What a scorer polls: each endpoint's rollout number."""
    with store.read() as connection:
        return rows.in_force(connection, caller.project)


@get(_ENDPOINT + "/rollout", opt={"permission": Permission.SERVE}, sync_to_thread=True)
def rollout_in_force(
    store: Store,
    caller: access.Caller,
    name: str,
    known: Annotated[str | None, Parameter(header="If-None-Match")] = None,
) -> Response[rollout.Signed | None]:
    """The signed rollout document in force; 304 when it is the one already known."""
    with store.read() as connection:
        place = rows.get(connection, caller.project, name)
        tag = f'"{place.rollout}"'
        if known == tag and place.rollout:
            return Response(None, status_code=304, headers={"ETag": tag})
        found = rows.signed(connection, caller.project, name, place.rollout)
    return Response(found, headers={"ETag": tag})


@get("/api/v1/keys", opt={"public": True}, sync_to_thread=False)
def public_key(store: Store) -> rollout.Key:
    """The key by which anyone can verify rollouts and approvals."""
    return rollout.Key(key_id=store.key_id, public_key=store.public_key)


@post(_PROJECT + "/scorers/{scorer:str}", opt={"permission": Permission.SERVE}, status_code=204, sync_to_thread=True)
def report_scorer(store: Store, caller: access.Caller, scorer: str, data: dict[str, Any]) -> None:
    """Keep what a scorer says of itself; `rollouts` maps endpoint names to the numbers that it serves."""
    actions.report(store, caller, scorer, data, time.to_us(store.clock()))


@get(_PROJECT + "/scorers", opt={"permission": Permission.READ}, sync_to_thread=True)
def list_scorers(store: Store, caller: access.Caller) -> Sequence[endpoint.Scorer]:
    """What each scorer last said of itself."""
    with store.read() as connection:
        return rows.list_scorers(connection, caller.project)


routes = [
    list_endpoints,
    create_endpoint,
    get_endpoint,
    list_rollouts,
    rollouts_in_force,
    rollout_in_force,
    public_key,
    report_scorer,
    list_scorers,
]
