"""Requests that somebody follows: those of a trace, and a sample for the access log. All others pass untouched."""

import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from podium.core import log_lines, trace
from podium.core.trace import Export, Trace
from podium.scoring import call
from podium.scoring.call import Answer

_LOG = logging.getLogger("podium.access")
_FAULT, _NOWHERE = 500, 404
_FAULTS = ("UNAVAILABLE", "INTERNAL", "UNKNOWN")


class Exchange(Protocol):
    """Where an answer goes: as `work.Exchange`."""

    def answer(self, number: int, answer: Answer, head: Any) -> None:
        """An answer of any kind."""

    def ready(self, number: int, sized: bytes) -> None:
        """A good answer in JSON."""


class _Named(msgspec.Struct):
    id: str = ""


class Called:
    """A call under way that is followed. `known`: the caller named a trace."""

    __slots__ = ("_export", "_told", "known", "trace")

    def __init__(self, found: Trace, export: Export | None, *, known: bool, told: bool) -> None:
        self.trace = found
        self.known = known
        self._export = export
        self._told = told

    def tell(self, method: str, status: str, seconds: float) -> None:
        """It is answered. `status`: by its name in gRPC."""
        fault = status in _FAULTS
        if self._export is not None:
            about = {"rpc.system.name": "grpc", "rpc.method": method, "rpc.response.status_code": status}
            self._export.tell(self.trace, method, seconds, about, failed=fault)
        if self._told or fault:
            fields = log_lines.extra(
                method=method,
                status=status,
                seconds=round(seconds, 6),
                trace_id=self.trace.trace_id,
                span_id=self.trace.span_id,
                parent_id=self.trace.parent_id,
            )
            _LOG.log(logging.WARNING if fault else logging.INFO, "call", extra=fields)


class Watch:
    """Who is followed. `share`: of all requests, how many go into the access log; `urandom`: random bytes; `export`:
    where the spans go of traces that their beginner sampled.
    """

    def __init__(
        self,
        share: float = 0.0,
        urandom: Callable[[int], bytes] = random.randbytes,
        export: Export | None = None,
    ) -> None:
        self.share = share
        self._urandom = urandom
        self._export = export

    def follows(self, headers: Any) -> bool:
        """Whether requests with these headers may be followed: asked once for each head."""
        return self.share > 0 or trace.TRACEPARENT in headers

    def call(self, metadata: Iterable[tuple[str, Any]]) -> Called | None:
        """The gRPC call with this metadata, if it is followed."""
        headers: dict[str, str] = {}
        for key, value in metadata:
            if key in (trace.TRACEPARENT, trace.TRACESTATE) and isinstance(value, str):
                headers[key] = f"{headers[key]},{value}" if key in headers else value
        known = trace.TRACEPARENT in headers
        told = self.share > 0 and random.random() < self.share  # noqa: S311 - a sample, no secret
        if not (known or told):
            return None
        found = trace.begin(headers, self._urandom(trace.RANDOM_BYTES))
        return Called(found, self._of(found), known=known, told=told)

    def follow(self, exchange: Exchange, head: Any) -> Exchange:
        """The exchange of one request, wrapped if it is followed."""
        traced = trace.TRACEPARENT in head.headers
        told = self.share > 0 and random.random() < self.share  # noqa: S311 - a sample, no secret
        if not (traced or told):
            return exchange
        found = trace.begin(head.headers, self._urandom(trace.RANDOM_BYTES))
        return Followed(exchange, head, found, self._of(found), told=told)

    def close(self) -> None:
        """Send what waits to be exported."""
        if self._export is not None:
            self._export.close()

    def _of(self, found: Trace) -> Export | None:
        return self._export if found.sampled else None


class Followed:
    """One request under way: its answer says the trace, and the log says the rest."""

    __slots__ = ("_exchange", "_export", "_head", "_started", "_told", "trace")

    def __init__(self, exchange: Exchange, head: Any, found: Trace, export: Export | None, *, told: bool) -> None:
        self.trace = found
        self._export = export
        self._exchange = exchange
        self._head = head
        self._told = told
        self._started = time.perf_counter()

    def answer(self, number: int, answer: Answer, head: Any) -> None:
        """Send the answer with the trace in its head."""
        if self._told or answer.status >= _FAULT:
            self._tell(answer)
        if self._export is not None:
            self._send(self._export, answer)
        headers = (*answer.headers, (trace.TRACERESPONSE, self.trace.traceparent))
        self._exchange.answer(number, answer._replace(headers=headers), head)

    def ready(self, number: int, sized: bytes) -> None:
        """Send a good answer in JSON likewise."""
        self.answer(number, Answer(200, call.body_of(sized)), self._head)

    def _send(self, export: Export, answer: Answer) -> None:
        """A span by OpenTelemetry's conventions; the path is in its name only where it is one of ours."""
        head, status = self._head, answer.status
        about: dict[str, str | int] = {
            "http.request.method": head.method,
            "url.path": head.path,
            "http.response.status_code": status,
        }
        endpoint = getattr(getattr(head.work, "place", None), "endpoint", "")
        if endpoint:
            about["podium.endpoint"] = endpoint
        name = head.method if status == _NOWHERE else f"{head.method} {head.path}"
        export.tell(self.trace, name, time.perf_counter() - self._started, about, failed=status >= _FAULT)

    def _tell(self, answer: Answer) -> None:
        head, work = self._head, self._head.work
        place = getattr(work, "place", None)
        level = logging.WARNING if answer.status >= _FAULT else logging.INFO
        fields = log_lines.extra(
            method=head.method,
            path=head.path,
            status=answer.status,
            seconds=round(time.perf_counter() - self._started, 6),
            endpoint=getattr(place, "endpoint", ""),
            request_id=head.headers.get("x-request-id") or _id(answer),
            trace_id=self.trace.trace_id,
            span_id=self.trace.span_id,
            parent_id=self.trace.parent_id,
            bytes=len(answer.body),
        )
        _LOG.log(level, "request", extra=fields)


def _id(answer: Answer) -> str:
    """The request's id, from an answer that says it."""
    if not answer.body.startswith(b'{"'):
        return ""
    try:
        return msgspec.json.decode(answer.body, type=_Named).id
    except msgspec.DecodeError:
        return ""
