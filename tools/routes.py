"""The pages about the HTTP interface: routes, and who may call them."""

import functools
import inspect
import tempfile
from collections.abc import Iterator
from typing import Any

import msgspec
from tools import markdown

from podium.core import access
from podium.core.config import Config
from podium.server import app, wiring
from podium.server import routes as server

_GIVEN = {"store", "caller", "request", "state", "body", "project", "name", "number", "identifier"}
_API = """\
# HTTP interface

Send `Authorization: Bearer <token>`. Bodies and answers are JSON unless said otherwise. Lists take `limit` and `after`
(the last id of the page before). A write with an `Idempotency-Key` may be sent again: it is done once and answered
alike. See [errors](errors.md) for answers that say no, and [permissions](permissions.md) for who may call what. Scorers
speak the Open Inference Protocol and MLflow's `/invocations`, not this interface.
"""
PAGES = "pages"
_PAGES = """
For browsers: HTML, and forms that answer with a redirect. A signed-in browser sends its token in a cookie, which counts
for reading and for the pages' own forms.
"""
_PERMISSIONS = """\
# Permissions

Each route declares one permission; the server does not start with a route that declares none. A caller may use a route
if one of the roles that it holds in the project grants the permission. Roles are given in one project or everywhere
(`*`).

{table}
`admin` manages people and tokens; it neither validates nor approves. Beyond permissions, rules of an action may refuse:
who started the run of a version, or applied its project file, may not say yes to it, and one person says yes in one
role only.
"""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One way to call the control plane."""

    method: str
    path: str
    permission: str
    """Empty: anybody may."""
    handler: Any
    source: str
    """The slice that it comes from."""


@functools.cache
def every() -> tuple[Route, ...]:
    """The application's routes, in the order in which they are mounted."""
    with tempfile.TemporaryDirectory(prefix="podium-routes-") as folder:
        store = wiring.open_store(Config(home=folder))
        try:
            made = app.build(store, server.ALL)
        finally:
            store.database.close()
    return tuple(sorted(_routes(made), key=lambda one: (one.path, one.method)))


def _routes(made: Any) -> Iterator[Route]:
    for route in made.routes:
        handlers = () if route.path.startswith("/schema") else getattr(route, "route_handlers", ())
        for handler in handlers:
            permission = handler.opt.get("permission", "")
            for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
                function = getattr(handler.fn, "func", handler.fn)
                yield Route(
                    method=method,
                    path=route.path_format,
                    permission=str(permission),
                    handler=function,
                    source=function.__module__.removeprefix("podium.").removesuffix(".api"),
                )


def api() -> str:
    """Every route by slice."""
    found = every()
    parts = [_API]
    for source in sorted({_heading(one) for one in found}):
        parts += [f"## {source}", *([_PAGES] if source == PAGES else []), ""]
        rows = [
            (
                one.method,
                markdown.code(one.path),
                one.permission or "none",
                _asked(one.handler),
                markdown.first(one.handler),
            )
            for one in found
            if _heading(one) == source
        ]
        parts.append(markdown.table(("method", "path", "permission", "takes", "what it does"), rows))
    return "\n".join(parts)


def _heading(one: Route) -> str:
    return PAGES if one.source.startswith("server.web.") else one.source


def _asked(handler: Any) -> str:
    """The query's parameters, and the fields of the body."""
    signature = inspect.signature(handler)
    said: list[str] = []
    for name, parameter in signature.parameters.items():
        if name == "data":
            said.append(_body(parameter.annotation))
        elif parameter.default is not inspect.Parameter.empty and name not in _GIVEN:
            said.append(f"`?{name}`")
    if "body" in signature.parameters:
        said.append("bytes")
    return ", ".join(said)


def _body(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        names = [field.name if field.required else f"{field.name}?" for field in msgspec.structs.fields(kind)]
        return markdown.code("{" + ", ".join(names) + "}")
    return "JSON"


def permissions() -> str:
    """Roles by permission, and routes by permission."""
    names = list(access.Permission)
    rows = [
        (markdown.code(role), *("yes" if permission in access.GRANTS[role] else "" for permission in names))
        for role in access.Role
    ]
    parts = [_PERMISSIONS.format(table=markdown.table(("role", *names), rows))]
    found = every()
    for permission in ("", *names):
        mine = [one for one in found if one.permission == permission]
        if mine:
            parts += [f"## {permission or 'none'}", ""]
            parts.append(
                markdown.table(("route", "what it does"), [(_line(one), markdown.first(one.handler)) for one in mine])
            )
    return "\n".join(parts)


def _line(one: Route) -> str:
    return markdown.code(f"{one.method} {one.path}")


def _said(one: Route) -> str:
    return markdown.first(one.handler) or "A form of the pages."
