"""Routes of triggers."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from podium.core import trigger
from podium.core.access import Caller, Permission
from podium.monitor.triggers import store as rows
from podium.store.store import Store

Limit = Annotated[int, Parameter(ge=1, le=1000)]


@get(
    "/api/v1/projects/{project:str}/endpoints/{name:str}/triggers",
    opt={"permission": Permission.READ},
    sync_to_thread=True,
)
def list_decisions(
    store: Store, caller: Caller, name: str, after: int | None = None, limit: Limit = 100
) -> list[trigger.Decision]:
    """What the triggers said at the end of each window, newest first; `after` is the last `end_us` seen."""
    with store.read() as connection:
        return rows.list_all(connection, caller.project, name, before_us=after, limit=limit)


routes = [list_decisions]
