"""Routes of drills."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import Parameter

from podium.core import drill
from podium.core.access import Caller, Permission
from podium.monitor.drill import actions
from podium.monitor.drill import store as rows
from podium.store.store import Store

_DRILLS = "/api/v1/projects/{project:str}/endpoints/{name:str}/drills"
Limit = Annotated[int, Parameter(ge=1, le=100)]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The job that runs the drill."""

    job: str


@post(_DRILLS, opt={"permission": Permission.MONITOR}, status_code=202, sync_to_thread=True)
def request_drill(store: Store, caller: Caller, name: str, data: drill.DrillRequest) -> Asked:
    """Rehearse the monitor's rules on a copy of the endpoint's traffic."""
    return Asked(job=actions.request(store, caller, name, data))


@get(_DRILLS, opt={"permission": Permission.READ}, sync_to_thread=True)
def list_drills(store: Store, caller: Caller, name: str, limit: Limit = 20) -> list[drill.Drill]:
    """The endpoint's drills, newest first."""
    with store.read() as connection:
        return rows.list_all(connection, caller.project, name, limit)


routes = [request_drill, list_drills]
