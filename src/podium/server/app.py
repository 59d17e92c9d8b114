"""The control plane's HTTP application."""

from collections.abc import Sequence
from typing import Any

from litestar import Litestar, Request, Router, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler

from podium import version
from podium.core import access
from podium.server import auth, handlers
from podium.server.web import problems
from podium.store.store import Store

_BODY_LIMIT = 1024 * 1024 * 1024


def build(store: Store, routes: Sequence[ControllerRouterHandler]) -> Litestar:
    """The application over a store. Raises `RuntimeError` when a route declares no permission."""
    app = Litestar(
        # One router: a path's handlers must be registered together, or a sync one is wrapped for its thread twice.
        route_handlers=[Router("/", route_handlers=[alive, whoami, *routes])],
        guards=[auth.guard],
        before_request=auth.before,
        dependencies={
            "store": Provide(_store, sync_to_thread=False),
            "caller": Provide(_caller, sync_to_thread=False),
        },
        exception_handlers=problems.HANDLERS,
        state=State({"store": store, "schedulable": handlers.SCHEDULABLE}),
        openapi_config=OpenAPIConfig(title="Podium", version=version.VERSION, path="/schema", render_plugins=[]),
        request_max_body_size=_BODY_LIMIT,
        logging_config=None,
        debug=False,
    )
    refuse_undeclared(app)
    return app


def refuse_undeclared(app: Litestar) -> None:
    """Deny by default: the application does not start with a route that says not who may call it."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute) or route.path.startswith("/schema"):
            continue
        for handler in route.route_handlers:
            declared = isinstance(handler.opt.get("permission"), access.Permission) or handler.opt.get("public")
            if not declared and handler.http_methods != {"OPTIONS"}:
                raise RuntimeError(f"the route {route.path} declares no permission")
            if handler.opt.get("form") and not route.path.startswith("/p/"):
                raise RuntimeError(f"the route {route.path} takes the browser's cookie and is no page")


def _store(state: State) -> Store:
    store: Store = state.store
    return store


def _caller(request: Request[Any, Any, Any]) -> access.Caller:
    caller: access.Caller = request.state.caller
    return caller


@get("/healthz", opt={"public": True}, sync_to_thread=False)
def alive() -> dict[str, str]:
    """Whether the control plane answers."""
    return {"status": "ok", "version": version.VERSION}


@get("/api/v1/whoami", opt={"permission": access.Permission.READ}, sync_to_thread=False)
def whoami(caller: access.Caller) -> access.Caller:
    """Who the token stands for."""
    return caller
