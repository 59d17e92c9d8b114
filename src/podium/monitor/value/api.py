"""Routes of value."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from podium.core import value
from podium.core.access import Caller, Permission
from podium.monitor.value import actions
from podium.store.store import Store

Limit = Annotated[int, Parameter(ge=1, le=1000)]


@get(
    "/api/v1/projects/{project:str}/endpoints/{name:str}/value",
    opt={"permission": Permission.READ},
    sync_to_thread=True,
)
def list_values(
    store: Store, caller: Caller, name: str, after: int | None = None, limit: Limit = 100
) -> list[value.WindowValue]:
    """What the decisions of each closed window were worth, newest first; `after` is the last window's end seen."""
    return actions.of_endpoint(store, caller, name, before_us=after, limit=limit)


routes = [list_values]
