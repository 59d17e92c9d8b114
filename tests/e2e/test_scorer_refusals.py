"""Every request that a scorer refuses is counted once, also where nobody came to know what it asked for."""

import contextlib
import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests import scoring_kit as kit
from tests.patience import until

HEAD = b"POST /v2/models/delay/infer HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
REFUSED = [
    (b"BAD\r\n\r\n", 400),
    (HEAD + b"content-length: 3\r\ncontent-encoding: gzip\r\n\r\nabc", 400),
    (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"POST /inv", 408),
    (HEAD + b"content-length: 3\r\n\r\n", 408),
    (HEAD + b"content-length: 99999999\r\n\r\n", 413),
    (HEAD + b"content-length: 3\r\ncontent-encoding: br\r\n\r\nabc", 415),
    (HEAD + b"content-length: 3\r\nexpect: x\r\n\r\nabc", 417),
    (HEAD + b"content-length: 800000\r\n\r\n" + b" " * 700_000, 429),
    (HEAD + b"x: " + b"y" * 20_000, 431),
    (HEAD + b"transfer-encoding: gzip\r\n\r\n", 501),
    (b"GET / HTTP/3.0\r\nhost: a\r\n\r\n", 505),
]
MOST = 4


@contextlib.contextmanager
def connected(scorer: kit.Process) -> Iterator[socket.socket]:
    host, port = scorer.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as opened:
        yield opened


def status(opened: socket.socket) -> int:
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := opened.recv(65536):
            said += piece
    return int(said.split()[1])


def counted(scorer: kit.Process) -> dict[str, int]:
    text = scorer.http.get("/metrics").text
    found = re.findall(r'^podium_requests_total\{endpoint="",status="(\d+)"\} (\d+)$', text, re.MULTILINE)
    return {code: int(count) for code, count in found if code != "200"}


def test_what_is_refused_before_it_is_known_is_counted_once(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    http = {"head_seconds": 1, "body_seconds": 1, "connections": MOST, "arriving": 600_000, "body": 1_000_000}
    with kit.Process(tmp_path, http=http) as scorer:
        expected: Counter[str] = Counter()
        for data, code in REFUSED:
            with connected(scorer) as opened:
                opened.sendall(data)
                assert status(opened) == code
            expected[str(code)] += 1
        with connected(scorer):
            pass
        assert counted(scorer) == expected
        with contextlib.ExitStack() as stack:
            for _ in range(MOST - 1):
                stack.enter_context(connected(scorer))
            assert status(stack.enter_context(connected(scorer))) == 503
        expected["503"] += 1
        until(lambda: counted(scorer) == expected)
