"""Makes a page: a template, what every page shows, and the headers that every page carries."""

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from podium import version
from podium.core import access
from podium.server import auth
from podium.server.web import show, sparkline, static

WebRequest = Request[Any, Any, State]
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
READ = {"permission": access.Permission.READ}

_ENVIRONMENT = Environment(
    loader=PackageLoader("podium.server.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(show.FILTERS)
_ENVIRONMENT.globals.update(
    lasting=show.lasting,
    sparkline=sparkline.svg,
    asset=static.address,
    version=version.VERSION,
    nothing=show.NOTHING,
    form_field=auth.FORM_FIELD,
)


def view(path: str) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A page that everyone who may read the project may see."""
    return get(path, opt=READ, sync_to_thread=True, include_in_schema=False)


def render(request: WebRequest, template: str, *, code: int = 200, **content: Any) -> Response[str]:
    """A template as a page, for the caller of the request if there is one."""
    caller: access.Caller | None = getattr(request.state, "caller", None)
    project = str(request.path_params.get("project", ""))
    frame = {
        "caller": caller,
        "project": project,
        "path": request.url.path,
        "form_token": auth.form_token(auth.secret_of(request, form=True)) if caller else "",
        "to": lambda *parts: show.address(project, *parts),
    }
    text = _ENVIRONMENT.get_template(template).render(frame | content)
    return Response(text, status_code=code, media_type="text/html", headers=HEADERS)


def go(path: str) -> Response[str]:
    """Send the browser to another page of ours."""
    return Response("", status_code=303, media_type="text/html", headers={**HEADERS, "Location": path})
