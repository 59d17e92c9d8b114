"""Requests of a trace: each belongs to it with all that follows, and becomes a span where somebody keeps them."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from podium.core import trace

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
SCOPE = "podium.trace"
"""Where in a request's scope the headers stand that hand its trace on."""
_FAULT, _NOWHERE = 500, 404


class Traced:
    """The application, followed. A request that carries no trace passes untouched.

    `random`: that many random bytes; `export`: where the spans of sampled traces go.
    """

    def __init__(self, app: App, export: trace.Export | None, random: Callable[[int], bytes]) -> None:
        self._app = app
        self._export = export
        self._random = random

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        headers = _headers(scope) if scope["type"] == "http" else {}
        part = trace.take_part(headers, self._random(trace.RANDOM_BYTES), self._export) if headers else _NO_PART
        if part.onward:
            scope[SCOPE] = part.onward
        if part.span is None or self._export is None:
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, part.span)
        started = time.perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        finally:
            self._export.tell(
                part.span,
                _name(scope, answer.status),
                time.perf_counter() - started,
                _about(scope, answer.status),
                failed=answer.status >= _FAULT,
            )


_NO_PART = trace.Part({}, None)


class _Answer:
    """An answer on its way: it says the span in its head."""

    def __init__(self, send: Send, span: trace.Trace) -> None:
        self._send = send
        self._span = span
        self.status = _FAULT

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            said = (trace.TRACERESPONSE.encode(), self._span.traceparent.encode())
            message["headers"] = [*message["headers"], said]
        await self._send(message)


def _headers(scope: Scope) -> dict[str, str]:
    """Those of a trace, by name."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1")
        if name in (trace.TRACEPARENT, trace.TRACESTATE):
            text = value.decode("latin-1")
            found[name] = f"{found[name]},{text}" if name in found else text
    return found


def _name(scope: Scope, status: int) -> str:
    """By OpenTelemetry's conventions: the route, not the path, as the names of spans are few."""
    route = scope.get("path_template", "")
    return f"{scope['method']} {route}" if route and status != _NOWHERE else str(scope["method"])


def _about(scope: Scope, status: int) -> dict[str, str | int]:
    about: dict[str, str | int] = {
        "http.request.method": scope["method"],
        "url.path": scope["path"],
        "http.response.status_code": status,
    }
    route = scope.get("path_template", "")
    return about | {"http.route": route} if route else about
