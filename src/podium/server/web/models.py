"""The inventory, and one model's card with its versions."""

from litestar import Response

from podium.core import access
from podium.deploy.endpoints import store as endpoints
from podium.manage.registry import store as registry
from podium.monitor.value import store as values
from podium.server.web import page
from podium.store.store import Store

_LIMIT = 50


@page.view("/p/{project:str}/models")
def models(request: page.WebRequest, store: Store, caller: access.Caller, after: str = "") -> Response[str]:
    """Models by name, and where each serves."""
    with store.read() as connection:
        found = registry.list_models(connection, caller.project, after=after, limit=_LIMIT)
        places = endpoints.list_all(connection, caller.project, limit=1000)
        newest = {item.name: registry.newest_number(connection, caller.project, item.name) for item in found}
    return page.render(
        request,
        "models.html",
        models=found,
        newest=newest,
        places=places,
        more=found[-1].name if len(found) == _LIMIT else None,
    )


@page.view("/p/{project:str}/models/{name:str}")
def model(
    request: page.WebRequest, store: Store, caller: access.Caller, name: str, before: int | None = None
) -> Response[str]:
    """What a model is for, who answers for it, the rules it lives under, and its versions, newest first."""
    with store.read() as connection:
        found = registry.model(connection, caller.project, name)
        versions = registry.list_versions(connection, caller.project, model=name, before=before, limit=_LIMIT)
        places = endpoints.list_all(connection, caller.project, model=name)
        worth = [one for each in places for one in values.list_all(connection, caller.project, each.name, limit=1)]
    return page.render(
        request,
        "model.html",
        model=found,
        versions=versions,
        places=places,
        worth=worth,
        more=versions[-1].number if len(versions) == _LIMIT else None,
    )
