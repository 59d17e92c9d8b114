"""Access is decided here, at the edge: who calls, what the route asks for, and whether the roles allow it."""

import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from podium.core import access, digest
from podium.core.errors import Refused
from podium.manage.access import actions as people
from podium.server import traced
from podium.store import answers
from podium.store.store import Store

COOKIE = "podium"
FORM_FIELD = "form_token"
_MAX_KEY = 128


def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse a caller without the permission that the route declares; deny by default."""
    if handler.opt.get("public"):
        return
    permission = handler.opt.get("permission")
    store: Store = connection.app.state.store
    project = str(connection.path_params.get("project", access.EVERYWHERE))
    secret = secret_of(connection, form=bool(handler.opt.get("form")))
    caller = authenticate(store, secret, project)
    if not isinstance(permission, access.Permission) or not caller.may(permission):
        roles = ", ".join(sorted(caller.roles)) or "no role"
        granting = sorted(role for role, grants in access.GRANTS.items() if permission in grants)
        named = " or ".join(role for role in granting if role is not access.Role.SYSTEM)
        raise Refused(
            f"{caller.name} ({roles} in this project) may not do this: it needs the permission {permission!s}.",
            fix=f"The role {named} grants it; administrators give roles." if named else "Nobody may.",
        )
    onward = connection.scope.get(traced.SCOPE)
    connection.state.caller = msgspec.structs.replace(caller, trace=onward) if onward else caller


def secret_of(connection: ASGIConnection[Any, Any, Any, Any], *, form: bool = False) -> str:
    """The token of a request: the bearer header of programs, or the cookie of a signed-in browser.

    The cookie counts where nothing changes, and on the pages' own forms (`form`), which `before` then checks.
    """
    header = connection.headers.get("Authorization", "")
    if header.startswith("Bearer "):
        return header.removeprefix("Bearer ").strip()
    if form or connection.scope.get("method") in {"GET", "HEAD"}:
        return connection.cookies.get(COOKIE, "")
    return ""


def authenticate(store: Store, secret: str, project: str) -> access.Caller:
    """Who this secret stands for, with the roles held in the project."""
    if not secret:
        raise NotAuthorizedException("Send your token: Authorization: Bearer pod_…")
    found = people.authenticate(store, secret, project)
    if found is None:
        raise NotAuthorizedException("This token is unknown, expired or revoked. Is it the one for this platform?")
    return found


def form_token(secret: str) -> str:
    """What a page hides in its forms, so that only pages made for this session can send them."""
    return hmac.new(secret.encode(), b"podium form", hashlib.sha256).hexdigest()


def check_origin(request: Request[Any, Any, Any]) -> None:
    """Refuse a form that another site sends, as far as the browser says."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    elsewhere = origin is not None and urlsplit(origin).netloc != request.headers.get("Host", "")
    if elsewhere or site not in {"same-origin", "none"}:
        raise Refused("This form was not sent from Podium's own page.", fix="Open the page again and send it there.")


async def check_form(request: Request[Any, Any, Any]) -> None:
    """Refuse a form without the session's own token."""
    check_origin(request)
    given = (await request.form()).get(FORM_FIELD)
    expected = form_token(secret_of(request, form=True))
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Refused("This form is not of your session.", field="form", fix="Open the page again and send it there.")


async def before(request: Request[Any, Any, Any]) -> Response[Any] | None:
    """Runs before each handler: checks the pages' forms, and answers repeated requests."""
    if request.route_handler.opt.get("form"):
        await check_form(request)
        return None
    return await replay_answer(request)


async def replay_answer(request: Request[Any, Any, Any]) -> Response[Any] | None:
    """Answer a repeated request (same `Idempotency-Key`) as it was answered before, without doing it again."""
    caller: access.Caller | None = getattr(request.state, "caller", None)
    key = request.headers.get("Idempotency-Key")
    if caller is None or key is None or request.method in {"GET", "HEAD"}:
        return None
    if not 0 < len(key) <= _MAX_KEY:
        return None
    body = await request.body()
    target = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    caller = msgspec.structs.replace(caller, idempotency_key=key, request_digest=digest.of_bytes(target + body))
    request.state.caller = caller
    store: Store = request.app.state.store
    with store.read() as connection:
        known = answers.recall(connection, caller)
    if known is None:
        return None
    return Response(known, status_code=200, media_type="application/json", headers={"Idempotency-Replayed": "true"})
