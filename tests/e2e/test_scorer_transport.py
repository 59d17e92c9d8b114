"""A real scorer's HTTP: what clients do wrong or slowly, what is compressed, and how it ends."""

import concurrent.futures
import contextlib
import functools
import gzip
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pytest

from podium.core.errors import Invalid
from podium.scoring import cache
from podium.scoring.http import knocking, listen
from tests import scoring_kit as kit
from tests.patience import until

BODY = json.dumps(kit.tensors(id="r")).encode()
INFER = "/v2/models/delay/infer"


def message(body: bytes = BODY, *lines: str, method: str = "POST", path: str = INFER) -> bytes:
    """A request. `lines`: more header lines, or another Content-Length."""
    given = ["host: scorer", "content-type: application/json", *lines]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in given):
        given.append(f"content-length: {len(body)}")
    return f"{method} {path} HTTP/1.1\r\n{''.join(line + chr(13) + chr(10) for line in given)}\r\n".encode() + body


class Wire:
    """A bare connection."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=15)
        self._rest = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, *, bare: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Status, header fields and body of the next answer."""
        while b"\r\n\r\n" not in self._rest:
            self._more()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = 0 if bare else int(fields.get("content-length", 0))
        while len(self._rest) < size:
            self._more()
        body, self._rest = self._rest[:size], self._rest[size:]
        return int(first.split()[1]), fields, body

    def ended(self) -> bool:
        """Whether the other side closes now, having sent all that it had to say."""
        try:
            return not self._rest and self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True

    def _more(self) -> None:
        piece = self.socket.recv(65536)
        assert piece, f"the connection ended after {self._rest!r}"
        self._rest += piece

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


HASTY = {"head_seconds": 1, "body_seconds": 1, "idle_seconds": 2, "connections": 40, "body": 1_000_000}


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kit.Process]:
    folder = tmp_path_factory.mktemp("transport")
    kit.prepare(folder)
    with kit.Process(folder, http=HASTY) as process:
        yield process


def ask(scorer: kit.Process, data: bytes) -> tuple[int, dict[str, str], bytes]:
    with Wire(scorer.url) as wire:
        wire.send(data)
        return wire.answer()


REFUSED = {
    "no host": (b"GET /ping HTTP/1.1\r\n\r\n", 400, "Host"),
    "two hosts": (message(BODY, "host: other"), 400, "Host"),
    "smuggling": (message(b"0\r\n\r\n", "content-length: 5", "transfer-encoding: chunked"), 400, "Content-Length"),
    "two lengths": (message(BODY, f"content-length: {len(BODY)}", "content-length: 1"), 400, "Content-Length"),
    "a signed length": (message(BODY, "content-length: +5"), 400, "Content-Length"),
    "a bare line feed": (b"GET /ping HTTP/1.1\nhost: a\n\n", 400, ""),
    "a space before the colon": (b"GET /ping HTTP/1.1\r\nhost : a\r\n\r\n", 400, ""),
    "a folded line": (b"GET /ping HTTP/1.1\r\nhost: a\r\n b\r\n\r\n", 400, ""),
    "not http": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, ""),
    "a wrong chunk": (message(b"zz\r\n", "transfer-encoding: chunked"), 400, "body"),
    "another coding": (message(BODY, "transfer-encoding: gzip"), 501, "Transfer-Encoding"),
    "http 2": (b"GET /ping HTTP/2.0\r\nhost: a\r\n\r\n", 505, ""),
    "a long head": (b"GET /ping HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 20_000, 431, ""),
    "many headers": (b"GET /ping HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 200 + b"\r\n", 431, ""),
    "a large body": (message(b"", "content-length: 1000001"), 413, "body"),
    "large chunks": (message(b"fffff\r\n", "transfer-encoding: chunked"), 413, "body"),
    "another expectation": (message(BODY, "expect: money"), 417, "Expect"),
    "another compression": (message(BODY, "content-encoding: br"), 415, "Content-Encoding"),
    "no gzip": (message(BODY, "content-encoding: gzip"), 400, "body"),
    "a bomb": (message(gzip.compress(b" " * 50_000_000), "content-encoding: gzip"), 413, "body"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_request_is_refused_in_words(scorer: kit.Process, name: str) -> None:
    data, status, field = REFUSED[name]
    with Wire(scorer.url) as wire:
        wire.send(data)
        found, fields, body = wire.answer()
        assert (found, fields["content-type"], fields["connection"]) == (status, "application/problem+json", "close")
        told = json.loads(body)
        assert told["status"] == status
        assert told.get("field", "") == field
        assert wire.ended()
    assert scorer.http.get("/ping").status_code == 200


def test_slow_and_idle_clients_are_let_go(scorer: kit.Process) -> None:
    started = time.monotonic()
    with Wire(scorer.url) as head, Wire(scorer.url) as content, Wire(scorer.url) as idle, Wire(scorer.url) as good:
        head.send(b"POST /invocations HT")
        content.send(message(BODY[:-5], f"content-length: {len(BODY)}"))
        good.send(message())
        assert good.answer()[0] == 200
        assert head.answer()[0] == 408
        assert content.answer()[0] == 408
        assert head.ended()
        assert content.ended()
        assert idle.ended()
        assert good.ended()
    assert 1 <= time.monotonic() - started < 12


def test_bodies_that_are_still_arriving_take_no_more_memory_than_all_may_together(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    large = message(b" " * 900_000 + BODY)
    with kit.Process(tmp_path, http={"arriving": 3_000_000}) as process, contextlib.ExitStack() as opened:
        wires = [opened.enter_context(Wire(process.url)) for _ in range(6)]
        for wire in wires:
            wire.send(large[:-10])
        refused: list[Wire] = []
        deadline = time.monotonic() + 20
        while len(refused) < 3:
            assert time.monotonic() < deadline
            refused = [wire for wire in wires if select.select([wire.socket], [], [], 0.02)[0]]
        for wire in refused:
            status, fields, body = wire.answer()
            assert (status, fields["connection"], fields["retry-after"]) == (429, "close", "1")
            assert json.loads(body)["status"] == 429
            assert wire.ended()
        assert process.infer(kit.tensors()).status_code == 200
        taken = [wire for wire in wires if wire not in refused]
        for wire in taken:
            wire.send(large[-10:])
            assert wire.answer()[0] == 200
        for wire in taken[:2]:  # nothing is held of those that went away, or were answered
            wire.send(large[:-10])
        taken[0].socket.close()
        for _ in range(4):
            assert ask(process, large)[0] == 200
        taken[1].send(large[-10:])
        assert taken[1].answer()[0] == 200


def test_packed_bodies_that_come_at_once_are_not_unpacked_at_once(tmp_path: Path) -> None:
    """A quarter of a megabyte of requests may hold as much as the limit of bodies sixteen times, on each connection."""
    kit.prepare(tmp_path)
    bomb = message(gzip.compress(bytes(16 * 1024 * 1024), 9), "content-encoding: gzip")
    with kit.Process(tmp_path) as process, contextlib.ExitStack() as opened:
        assert ask(process, bomb)[0] == 400
        before = process.most_memory()
        wires = [opened.enter_context(Wire(process.url)) for _ in range(4)]
        for wire in wires:
            wire.send(bomb * 16)
        with Wire(process.url) as wire:
            wire.send(message())
            assert wire.answer()[0] == 200
        statuses = Counter(wire.answer()[0] for wire in wires for _ in range(16))
        assert set(statuses) <= {400, 429}
        assert process.most_memory() - before < 384 * 1024 * 1024


def test_many_ways_to_send_the_same(scorer: kit.Process) -> None:
    expected = json.loads(ask(scorer, message())[2])
    cut = [BODY[at : at + 7] for at in range(0, len(BODY), 7)]
    chunks = b"".join(b"%x;x=y\r\n%b\r\n" % (len(piece), piece) for piece in cut) + b"0\r\nx: y\r\n\r\n"
    for data in (
        message(chunks, "transfer-encoding: chunked"),
        message(gzip.compress(BODY), "content-encoding: gzip"),
        message(zlib.compress(BODY), "content-encoding: deflate"),
        message(BODY, "expect: 100-continue"),
        message(path=f"http://scorer{INFER}?a=b"),
    ):
        status, _, body = ask(scorer, data)
        assert (status, json.loads(body)) == (200, expected)
    with Wire(scorer.url) as wire:
        for byte in message():
            wire.send(bytes([byte]))
        assert json.loads(wire.answer()[2]) == expected


def test_whoever_asks_is_told_to_go_on(scorer: kit.Process) -> None:
    with Wire(scorer.url) as wire:
        wire.send(message(b"", f"content-length: {len(BODY)}", "expect: 100-continue"))
        assert wire.answer()[0] == 100
        wire.send(BODY)
        assert wire.answer()[0] == 200
    with Wire(scorer.url) as wire:
        wire.send(message(b"", "content-length: 2000000", "expect: 100-continue"))
        assert wire.answer()[0] == 413


@pytest.mark.parametrize("before", [1, 3, 63, 64, 200])
def test_whoever_asks_behind_others_is_told_when_those_are_answered(scorer: kit.Process, before: int) -> None:
    waits = message(b"", f"content-length: {len(BODY)}", "expect: 100-continue")
    with Wire(scorer.url) as wire:
        wire.send(message() * before + waits)
        assert [wire.answer()[0] for _ in range(before + 1)] == [200] * before + [100]
        wire.send(BODY + message() + waits)
        assert [wire.answer()[0] for _ in range(3)] == [200, 200, 100]
        wire.send(BODY)
        assert wire.answer()[0] == 200
    with Wire(scorer.url) as hasty:  # and who does not wait is answered, too
        hasty.send(message() * before + waits)
        hasty.send(BODY + message())
        final = 0
        while final < before + 2:
            status = hasty.answer()[0]
            assert status in (100, 200)
            final += status == 200


def test_pipelined_requests_are_answered_in_order(scorer: kit.Process) -> None:
    """Fast ones and slow ones, good ones and bad ones, more than may be under way at once."""
    with Wire(scorer.url) as wire:
        sent = []
        for number in range(150):
            kind = number % 5
            if kind == 0:
                sent.append(message(json.dumps(kit.tensors(id=f"p{number}")).encode()))
            elif kind == 1:
                sent.append(message(b"{", path="/invocations"))
            elif kind == 2:
                sent.append(message(b"", method="GET", path="/ping"))
            elif kind == 3:
                sent.append(message(b"", method="HEAD", path="/version"))
            else:
                many: dict[str, list[Any]] = {"distance": [1.0] * 40, "hour": [1] * 40}
                sent.append(message(json.dumps(kit.tensors(many, id=f"p{number}")).encode()))
        wire.send(b"".join(sent))
        for number in range(150):
            status, _, body = wire.answer(bare=number % 5 == 3)
            assert status == (400 if number % 5 == 1 else 200), number
            if number % 5 in (0, 4):
                assert json.loads(body)["id"] == f"p{number}"


def test_head_has_no_body_and_close_closes(scorer: kit.Process) -> None:
    with Wire(scorer.url) as wire:
        wire.send(message(b"", method="HEAD", path="/version") + message(b"", method="GET", path="/version"))
        assert int(wire.answer(bare=True)[1]["content-length"]) == len(wire.answer()[2]) > 0
        wire.send(message(BODY, "connection: close"))
        status, fields, _ = wire.answer()
        assert (status, fields["connection"]) == (200, "close")
        assert wire.ended()
    with Wire(scorer.url) as wire:
        wire.send(message().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert wire.answer()[0] == 200
        assert wire.ended()


def test_a_client_that_goes_away_harms_nobody(scorer: kit.Process) -> None:
    for _ in range(20):
        with Wire(scorer.url) as wire:
            wire.send(message() + message()[:-9])
        with Wire(scorer.url) as wire:
            wire.send(message() * 3)
            wire.socket.shutdown(socket.SHUT_WR)
            assert [wire.answer()[0] for _ in range(3)] == [200, 200, 200]
            assert wire.ended()
    assert scorer.http.get("/ping").status_code == 200


def test_a_client_that_resets_its_connection_keeps_no_answer_from_others(scorer: kit.Process) -> None:
    """Its request is scored and logged together with theirs, and its answer goes nowhere."""
    for _ in range(10):
        wires = [Wire(scorer.url) for _ in range(30)]
        for at, wire in enumerate(wires):
            wire.send(message())
            if at % 3 == 0:
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                wire.socket.close()
        for at, wire in enumerate(wires):
            if at % 3:
                assert wire.answer()[0] == 200
                wire.socket.close()
    until(lambda: "\nhttp_server_active_requests 0\n" in httpx.get(f"{scorer.url}/metrics").text)


def test_an_address_or_a_folder_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wrong = (
            ("127.0.0.1", port, "port"),
            ("127.0.0.1", 65536, "port"),
            ("192.0.2.1", 0, "host"),
            ("a..b", 0, "host"),
        )
        for host, number, field in wrong:
            for shared in (False, True):
                with pytest.raises(Invalid) as caught:
                    listen.bind(host, number, shared=shared)
                assert (caught.value.field, bool(caught.value.fix)) == (field, True)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Invalid) as caught:
        cache.Cache(tmp_path / "file")
    assert caught.value.field == "folder"


def test_connections_have_a_limit(scorer: kit.Process) -> None:
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(scorer.url)) for _ in range(45)]
        status, fields, _ = wires[-1].answer()
        assert (status, fields["retry-after"]) == (503, "1")
        assert wires[-1].ended()
        wires[0].send(message())
        assert wires[0].answer()[0] == 200
    until(lambda: scorer.http.get("/ping").status_code == 200, "those that went away are still counted")


def test_a_wrong_request_harms_none_of_its_turn(scorer: kit.Process) -> None:
    """Requests that arrive together: wrong JSON, a wrong value, a value without an answer, and good ones."""
    bodies = [
        b'{"dataframe_records":[{"distance":100.0,"hour":1}]}',
        b'{"dataframe_records":[{"distance":1900.5,"hour":23.5}]}',
        b'{"dataframe_records":[{"distance":700.0,"hour":12}]}',
        b'{"dataframe_records":[{"distance":null,"hour":12}]}',
        b'{"dataframe_records":[{"distance":700.0,"hour":12,"hour":13}]}',
        b'{"dataframe_records":[{"distance":700.0,"hour":"12"}]}',
    ]
    expected = [200, 422, 200, 422, 400, 422]
    alone = [ask(scorer, message(body, path="/invocations")) for body in bodies]
    with Wire(scorer.url) as wire:
        for _ in range(20):
            wire.send(b"".join(message(body, path="/invocations") for body in bodies))
            for status, (_, _, before) in zip(expected, alone, strict=True):
                found, _, body = wire.answer()
                assert found == status
                if status == 200:
                    score = json.loads(before)["predictions"][0]["score"]
                    assert json.loads(body)["predictions"][0]["score"] == pytest.approx(score, rel=1e-14)
                else:
                    assert body == before


@pytest.mark.alone
def test_large_bodies_do_not_keep_small_ones_waiting(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    count = 100_000
    large = json.dumps(kit.tensors({"distance": [1.5] * count, "hour": [1] * count})).encode()
    with kit.Process(tmp_path) as process, httpx.Client(base_url=process.url, timeout=60) as other:
        process.infer(kit.tensors())
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            headers = {"Content-Type": "application/json"}
            waiting = [pool.submit(other.post, INFER, content=large, headers=headers) for _ in range(2)]
            longest = 0.0
            while not all(each.done() for each in waiting):
                started = time.perf_counter()
                assert process.infer(kit.tensors()).status_code == 200
                longest = max(longest, time.perf_counter() - started)
            assert [each.result().status_code for each in waiting] == [200, 200]
            assert len(kit.output(waiting[0].result().json(), "score")) == count
    assert longest < 1.0


def logged(folder: Path) -> Counter[str]:
    rows: list[str] = []
    for path in (folder / "log").glob("*.arrow"):
        rows += pa.ipc.open_stream(path.read_bytes()).read_all()["request_id"].to_pylist()
    return Counter(rows)


def test_sigterm_answers_what_is_under_way_and_takes_no_more(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with (
        kit.Process(tmp_path) as process,
        Wire(process.url) as slow,
        Wire(process.url) as busy,
        Wire(process.url) as late,
    ):
        slow.send(message(BODY[:-5], f"content-length: {len(BODY)}"))
        busy.send(message())
        assert busy.answer()[0] == 200
        process.process.send_signal(signal.SIGTERM)
        until(functools.partial(refuses, process.url), "it takes more")
        late.send(message(json.dumps(kit.tensors(id="late")).encode()))
        status, fields, _ = late.answer()
        assert (status, fields["connection"]) == (200, "close")
        assert late.ended()
        slow.send(BODY[-5:])
        status, fields, _ = slow.answer()
        assert (status, fields["connection"]) == (200, "close")
        assert busy.ended()
        assert process.stop() == 0
    assert logged(tmp_path) == {"r": 6, "late": 3}


def test_workers_share_a_port_and_are_started_again(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, workers=2, segment_seconds=0.5) as process:
        children = _children(process.process.pid)
        assert len(children) == 2
        ids = []
        for number in range(40):
            with httpx.Client(base_url=process.url) as http:
                ids.append(f"w{number}")
                http.post(INFER, json=kit.tensors(id=ids[-1])).raise_for_status()
        until(lambda: _told_by_all(process, 40), "a process does not tell the sum of all")
        os.kill(children[0], signal.SIGKILL)
        until(functools.partial(_again, process.process.pid, children[0]), "nobody listens in its place")
        with httpx.Client(base_url=process.url) as http:
            assert http.post(INFER, json=kit.tensors(id="after")).status_code == 200
        until(lambda: _told_by_all(process, 41), "what a process that died had counted does not stay in the sums")
        ids.append("after")
        assert process.stop() == 0
    assert _children(process.process.pid) == []
    assert logged(tmp_path) == dict.fromkeys(ids, 3)


def test_workers_that_all_cannot_serve_end_and_say_why(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = {"folder": str(tmp_path), "port": 0, "folder_only": True, "workers": 2}
        settings["grpc_port"] = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, str(kit.PROCESS), json.dumps(settings)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": "src:."},
        )
    assert done.returncode != 0
    assert "listening" not in done.stdout
    assert "No worker can serve" in done.stderr
    assert all(f"worker {number} cannot serve: grpc_port: " in done.stderr for number in (0, 1))


def refuses(url: str) -> bool:
    """Whether nobody listens there any more."""
    try:
        Wire(url).socket.close()
    except ConnectionRefusedError:
        return True
    return False


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _again(parent: int, killed: int) -> bool:
    """Whether two processes listen without that one."""
    pids = set(_children(parent)) - {killed}
    return len(pids) == 2 and all(map(_listens, pids))


def _listens(pid: int) -> bool:
    try:
        return any(each.status == psutil.CONN_LISTEN for each in psutil.Process(pid).net_connections("tcp"))
    except psutil.Error:
        return False


def _told_by_all(process: kit.Process, answers: int) -> bool:
    """Whether each process tells so many good answers of all: what one asked on 20 connections would not hide."""
    return all(_answered(process) >= answers for _ in range(20))


def _answered(process: kit.Process) -> int:
    """Good answers of all processes, as one of them tells; asked on a new connection."""
    text = httpx.get(f"{process.url}/metrics").text
    found = re.search(r'podium_requests_total\{endpoint="delay",status="200"\} (\d+)', text)
    return int(found[1]) if found else 0


def test_an_address_is_told_as_clients_take_it() -> None:
    assert listen.where("127.0.0.1", 8401) == "127.0.0.1:8401"
    assert listen.where("::1", 8401) == "[::1]:8401"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told not to listen")
def test_who_knocks_while_a_socket_is_given_up_is_let_in_by_the_next_one() -> None:
    with listen.bind("127.0.0.1", 0, shared=True) as first:
        first.listen(8)
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as before:
            assert knocking.ignore(first)
            first.settimeout(10)
            first.accept()[0].close()
            assert before.recv(1) == b"", "who was let in is heard"
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            knocks = pool.submit(socket.create_connection, ("127.0.0.1", port), 30)
            first.settimeout(0.3)
            with pytest.raises(TimeoutError):
                first.accept()
            with listen.bind("127.0.0.1", port, shared=True) as second:
                second.listen(8)
                first.close()
                second.settimeout(30)
                second.accept()[0].close()
                with knocks.result() as client:
                    assert client.recv(1) == b""
