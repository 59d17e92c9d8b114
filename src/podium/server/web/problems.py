"""Errors as pages for browsers; programs go on getting problem details."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response

from podium.server import errors
from podium.server.web import page

_OURS = ("/api/", "/schema", "/healthz")


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Whether a browser asks for a page, not a program for the API."""
    return "text/html" in request.headers.get("Accept", "") and not request.url.path.startswith(_OURS)


def _as_page(answer: Callable[[Any, Any], Response[Any]]) -> Callable[[Any, Any], Response[Any]]:
    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        told = answer(request, error)
        if not wants_page(request):
            return told
        problem = msgspec.json.decode(told.content, type=errors.Problem)
        if problem.status == 401:
            return page.go(f"/login?next={quote(request.url.path, safe='/')}")
        return page.render(request, "problem.html", code=problem.status, problem=problem)

    return handle


HANDLERS: dict[Any, Any] = {kind: _as_page(answer) for kind, answer in errors.HANDLERS.items()}
