"""Where a model erred in a closed window: segments, features, rows."""

from litestar import Response

from podium.core import access
from podium.monitor.mistakes import actions
from podium.server.web import page
from podium.store.store import Store


@page.view("/p/{project:str}/endpoints/{name:str}/windows/{end_us:int}/mistakes")
def mistakes(request: page.WebRequest, store: Store, caller: access.Caller, name: str, end_us: int) -> Response[str]:
    """The page of a window's errors."""
    return page.render(request, "mistakes.html", found=actions.of_window(store, caller, name, end_us))
