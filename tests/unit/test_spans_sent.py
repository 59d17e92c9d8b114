"""Spans are sent on a thread that nothing ends: not those that come meanwhile, not one that cannot be sent."""

import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest

from podium.core.trace import Trace
from podium.scoring.otlp import spans
from tests.patience import until


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes everything."""

    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def received() -> Iterator[tuple[str, list[bytes]]]:
    """A receiver's address, and what it has taken."""
    bodies: list[bytes] = []
    kind = type("Kept", (Receiver,), {"bodies": bodies})
    with http.server.HTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()
        thread.join()


def opened(url: str, dropped: Callable[[int], None]) -> spans.Spans:
    return spans.Spans(url, spans.resource("test", "one"), lambda: datetime(2026, 1, 1, tzinfo=UTC), dropped)


def tell(export: spans.Spans, name: str, state: str = "") -> None:
    export.tell(Trace("0" * 31 + "1", "0" * 15 + "1", "", 1, state), name, 0.1, {}, failed=False)


def test_spans_that_come_while_others_are_gathered_are_sent_too(received: tuple[str, list[bytes]]) -> None:
    """As from other threads: one at each step of the code that sends."""
    url, bodies = received
    made: list[spans.Spans] = []
    names = iter([f"meanwhile-{at:03}" for at in range(200)])

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != spans.__file__ or frame.f_code.co_name == "tell":
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and made and made[0]._waiting and (name := next(names, "")):
            tell(made[0], name)
        return trace

    before = threading.gettrace()
    threading.settrace(trace)
    dropped: list[int] = []
    try:
        made.append(opened(url, dropped.append))
    finally:
        threading.settrace(before)
    tell(made[0], "first")
    until(lambda: b"meanwhile-199" in b"".join(bodies), "the thread that sends has ended", seconds=20.0)
    made[0].close()
    sent = b"".join(bodies)
    assert all(sent.count(f"meanwhile-{at:03}".encode()) == 1 for at in range(200))
    assert dropped == []


def test_spans_that_cannot_be_written_are_dropped_and_those_behind_them_sent(
    received: tuple[str, list[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    url, bodies = received
    dropped: list[int] = []
    export = opened(url, dropped.append)
    tell(export, "odd", state="\ud800")
    until(lambda: dropped == [1], "nobody counts it", seconds=20.0)
    tell(export, "good")
    until(lambda: b"good" in b"".join(bodies), "the thread that sends has ended", seconds=20.0)
    export.close()
    (told,) = caplog.records
    assert told.message == "Spans cannot be sent; they are dropped."
    assert told.exc_info is not None
