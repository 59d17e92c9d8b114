"""The only place that knows status codes: Podium's errors as RFC 9457 problem details."""

import logging
import re
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from podium.core import errors

_LOG = logging.getLogger(__name__)
STATUS: dict[type[errors.PodiumError], int] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Refused: 403,
    errors.Invalid: 422,
    errors.Unavailable: 503,
}
_ECHO = re.compile(r"(?P<what>unknown field|enum value) [`'](?P<sent>[^;]*)[`']", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Refused",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Wrong content type",
    422: "Invalid",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, with Podium's `field` and `fix`."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    fix: str | None = None


def respond(problem: Problem) -> Response[Any]:
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    if problem.status == 503:
        headers["Retry-After"] = "1"
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, media_type="application/problem+json", headers=headers
    )


def from_podium(_request: Request[Any, Any, Any], error: errors.PodiumError) -> Response[Any]:
    status = STATUS[type(error)]
    return respond(
        Problem(
            type=f"urn:podium:{error.kind}",
            title=TITLES[status],
            status=status,
            detail=error.message,
            field=error.field,
            fix=error.fix,
        )
    )


def from_http(_request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    status = error.status_code
    detail = error.detail.partition(" for path ")[0]
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        parts = [
            f"{part.get('key', 'body')}: {part.get('message', '')}" for part in error.extra if isinstance(part, dict)
        ]
        detail = _ECHO.sub(_named, "; ".join(parts)) or detail
    return respond(
        Problem(type=f"urn:podium:http-{status}", title=TITLES.get(status, "Error"), status=status, detail=detail)
    )


def from_reader(request: Request[Any, Any, Any], error: RecursionError | UnicodeDecodeError) -> Response[Any]:
    """What was sent goes deeper than any reader follows, or is no text."""
    _LOG.warning("%s %s was sent what cannot be read", request.method, request.url.path, exc_info=error)
    deep = isinstance(error, RecursionError)
    detail = "The body is nested too deeply." if deep else "The body is not UTF-8."
    return respond(Problem(type="urn:podium:http-400", title=TITLES[400], status=400, detail=detail))


def _named(found: re.Match[str]) -> str:
    """What was sent is told only where it is a name."""
    return found[0] if _NAME.fullmatch(found["sent"]) else found["what"]


def from_defect(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A defect of Podium's own: logged with its trace, told without it."""
    _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "Something is wrong inside Podium; its log has the details."
    return respond(Problem(type="urn:podium:defect", title=TITLES[500], status=500, detail=detail))


HANDLERS: dict[Any, Any] = {
    **dict.fromkeys(errors.ALL, from_podium),
    HTTPException: from_http,
    RecursionError: from_reader,
    UnicodeDecodeError: from_reader,
    Exception: from_defect,
}
