"""Routes of error analysis."""

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from podium.core import mistakes
from podium.core.access import Caller, Permission
from podium.monitor.mistakes import actions
from podium.store.store import Store

Rows = Annotated[int, Parameter(ge=1, le=actions.MOST)]


@get(
    "/api/v1/projects/{project:str}/endpoints/{name:str}/mistakes",
    opt={"permission": Permission.READ},
    sync_to_thread=True,
)
def window_mistakes(
    store: Store, caller: Caller, name: str, end_us: int | None = None, rows: Rows = 20
) -> mistakes.Mistakes:
    """Where the model erred in a closed window (the newest): segments, features, rows (to viewers without features)."""
    return actions.of_window(store, caller, name, end_us, rows)


routes = [window_mistakes]
