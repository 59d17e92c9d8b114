"""Requests to the control plane that belong to a trace, and those that do not."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from podium.core import trace
from podium.core.trace import Kind
from podium.server import settings, traced
from tests import otlp

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-1] + "0"


class App:
    """Answers with a status, and remembers the scope; a status of 0 raises."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.scope: Any = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        scope["path_template"] = "/things/{name}"
        if self.status == 0:
            raise RuntimeError("broken")
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"yes"})


def ask(app: App, export: otlp.Kept | None, headers: Mapping[str, str] | list[tuple[str, str]]) -> httpx.Response:
    async def asked() -> httpx.Response:
        followed: Any = traced.Traced(app, export, lambda count: bytes(range(1, count + 1)))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(followed), base_url="http://here") as client:
            return await client.get("/things/secret-name?token=x", headers=headers)

    return asyncio.run(asked())


def test_a_sampled_request_becomes_a_span_and_what_follows_has_it_as_its_parent() -> None:
    app, kept = App(), otlp.Kept()
    answer = ask(app, kept, {"traceparent": PARENT, "tracestate": "a=1"})
    [span] = kept.spans
    assert (span.name, span.failed, span.kind) == ("GET /things/{name}", False, Kind.SERVER)
    assert (span.found.trace_id, span.found.parent_id) == (TRACE, "b7ad6b7169203331")
    assert span.about == {
        "http.request.method": "GET",
        "http.route": "/things/{name}",
        "url.path": "/things/secret-name",
        "http.response.status_code": 200,
    }
    assert answer.headers["traceresponse"] == span.found.traceparent
    assert answer.headers["a"] == "b"
    assert app.scope[traced.SCOPE] == {"traceparent": span.found.traceparent, "tracestate": "a=1"}


@pytest.mark.parametrize(("parent", "export"), [(UNSAMPLED, otlp.Kept()), (PARENT, None), (UNSAMPLED, None)])
def test_where_nobody_keeps_our_part_the_caller_stays_the_caller(parent: str, export: otlp.Kept | None) -> None:
    app = App()
    answer = ask(app, export, {"traceparent": parent})
    assert app.scope[traced.SCOPE] == {"traceparent": parent}
    assert "traceresponse" not in answer.headers
    assert export is None or export.spans == []


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("tracestate", "a=1")],
        [("traceparent", "00-zz-b7ad6b7169203331-01")],
        [("traceparent", PARENT), ("traceparent", PARENT)],
        [("traceparent", "é")],
    ],
)
def test_without_a_trace_nothing_is_followed(headers: list[tuple[str, str]]) -> None:
    app, kept = App(), otlp.Kept()
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    assert ask(app, kept, raw).text == "yes"  # type: ignore[arg-type]  # bytes are what a stranger sends
    assert traced.SCOPE not in app.scope
    assert kept.spans == []


@pytest.mark.parametrize(("status", "failed", "name"), [(404, False, "GET"), (422, False, ""), (503, True, "")])
def test_what_the_caller_did_wrong_is_no_error_of_ours(status: int, failed: bool, name: str) -> None:
    kept = otlp.Kept()
    assert ask(App(status), kept, {"traceparent": PARENT}).status_code == status
    [span] = kept.spans
    assert (span.failed, span.about["http.response.status_code"]) == (failed, status)
    assert span.name == (name or "GET /things/{name}")


def test_an_application_that_breaks_leaves_a_span() -> None:
    kept = otlp.Kept()
    with pytest.raises(RuntimeError, match="broken"):
        ask(App(0), kept, {"traceparent": PARENT})
    assert [(span.failed, span.about["http.response.status_code"]) for span in kept.spans] == [(True, 500)]


def test_a_process_belongs_to_the_trace_in_which_it_was_started() -> None:
    assert settings.trace({"TRACEPARENT": PARENT, "TRACESTATE": "a=1", "PATH": "x"}) == {
        "traceparent": PARENT,
        "tracestate": "a=1",
    }
    for wrong in ({}, {"TRACESTATE": "a=1"}, {"TRACEPARENT": "x"}, {"traceparent": PARENT}):
        assert settings.trace(wrong) == {}


def test_our_part_needs_somebody_who_keeps_it() -> None:
    kept, random = otlp.Kept(), bytes(range(1, 25))
    mine = trace.take_part({"traceparent": PARENT}, random, kept)
    assert mine.span is not None
    assert mine.onward == {"traceparent": mine.span.traceparent}
    assert trace.take_part({"traceparent": PARENT}, random, None) == ({"traceparent": PARENT}, None)
    assert trace.take_part({}, random, kept) == ({}, None)
