"""Whoever answers at the control plane's address decides how much, but not how much of it a scorer takes."""

import http.server
import itertools
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from podium.core import bundle, digest
from podium.core.errors import Refused, Unavailable
from podium.scoring import board as boards
from podium.scoring import cache, metrics, poll
from podium.scoring.board import Board
from podium.scoring.source import ControlPlane
from tests import scoring_kit as kit

MB = 1024 * 1024


class Answering:
    """A server that says the same to everybody, in chunks."""

    def __init__(self, pieces: Callable[[], Iterable[bytes]], packed: str = "") -> None:
        self.sent = 0
        self.asked: list[str] = []
        answering = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answering.asked.append(self.headers.get("accept-encoding", ""))
                self.send_response(200)
                if packed:
                    self.send_header("content-encoding", packed)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                try:
                    for piece in (*pieces(),) if packed else pieces():
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                        answering.sent += len(piece)
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def asking(url: str, folder: Path) -> dict[str, Callable[[], object]]:
    """Everything that a scorer asks."""
    source = ControlPlane(url, "", kit.PROJECT, cache.Cache(folder))
    return {
        "numbers": source.numbers,
        "document": lambda: source.document(kit.ENDPOINT),
        "key": source.key,
        "folder": lambda: source.folder(digest.of_bytes(b"any")),
    }


ASKED = ["numbers", "document", "key", "folder"]


def bomb() -> Iterator[bytes]:
    """200 MB of zeros, in some 200 kB."""
    packing = zlib.compressobj(9, wbits=31)
    for _ in range(200):
        yield packing.compress(bytes(MB)) or packing.flush(zlib.Z_SYNC_FLUSH)
    yield packing.flush()


@pytest.mark.parametrize("asked", ASKED)
def test_a_packed_answer_is_not_unpacked(tmp_path: Path, asked: str) -> None:
    plane = Answering(bomb, "gzip")
    try:
        before = psutil.Process().memory_info().rss
        with pytest.raises(Unavailable, match=r"packed \(gzip\), which was not asked for"):
            asking(plane.url, tmp_path)[asked]()
        assert psutil.Process().memory_info().rss - before < 50 * MB
        assert plane.asked == ["identity"]
    finally:
        plane.close()


@pytest.mark.parametrize("asked", ASKED)
def test_an_endless_answer_is_read_so_far_only(tmp_path: Path, asked: str) -> None:
    """Of 300 MB; whoever reads on would take them all."""
    piece = b'{"endpoint":"a","number":1},' * 10_000
    plane = Answering(lambda: itertools.chain([b"["], itertools.repeat(piece, 300 * MB // len(piece))))
    try:
        with pytest.raises(Unavailable, match="answer is too large: more than"):
            asking(plane.url, tmp_path)[asked]()
        assert plane.sent < (16 if asked == "key" else 32) * MB
    finally:
        plane.close()


@pytest.fixture
def plane() -> Iterator[kit.ControlPlane]:
    made = kit.ControlPlane()
    yield made
    made.close()


def test_a_file_is_as_large_as_its_manifest_says_and_no_file_is_asked_for_by_a_wrong_one(
    tmp_path: Path, plane: kit.ControlPlane
) -> None:
    named = kit.bundle_digest(-1.0)
    plane.publish(kit.sign(kit.document(1, kit.route("champion", 1, named))), -1.0)
    source = ControlPlane(plane.url, "", kit.PROJECT, cache.Cache(tmp_path))
    asked: list[str] = []

    def instead(_method: str, path: list[str]) -> tuple[int, bytes] | None:
        asked.append(path[-1])
        return None if path[-1] == bundle.MANIFEST else (200, bytes(MB))

    plane.instead = instead
    with pytest.raises(Unavailable, match="too large"):
        source.folder(named)
    plane.files[digest.of_bytes(b"other")] = plane.files[named]
    asked.clear()
    with pytest.raises(Refused, match="another digest"):
        source.folder(digest.of_bytes(b"other"))
    assert len(asked) == 1
    plane.instead = lambda _method, _path: None
    assert source.folder(named).is_dir()
    source.close()


def test_a_control_plane_that_lists_ever_new_endpoints_is_not_remembered(
    tmp_path: Path, plane: kit.ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "_MOST_ENDPOINTS", 20)
    monkeypatch.setattr(boards, "_MOST_NAMED", 30)
    counts = metrics.Metrics()
    board = Board(kit.PROJECT, "", lambda: datetime.fromtimestamp(kit.NOW / 1e6, UTC), counts)
    board.keys = dict(kit.PUBLIC)
    store = cache.Cache(tmp_path)
    source = ControlPlane(plane.url, "", kit.PROJECT, store)
    poller = poll.Poller(board, source, store)
    fresh = itertools.count()

    def instead(_method: str, path: list[str]) -> tuple[int, bytes] | None:
        if path[-1] == "rollouts":
            names = [*(f"new-{next(fresh)}" for _ in range(25)), *(f"No name {next(fresh)}" for _ in range(5))]
            return 200, msgspec.json.encode([{"endpoint": each, "number": 1} for each in names[:: (-1) ** next(fresh)]])
        return (404, b"") if path[-1] == "rollout" else (200, b"{}")

    plane.instead = instead
    for _ in range(12):
        poller.step()
    kept = (poller._retries._of, poller._recalled, poller._loads._running, board.refused)
    assert [len(each) <= 60 for each in kept] == [True] * 4, [len(each) for each in kept]
    assert len(counts._counts["podium_rollouts_refused_total"]) <= 31
    assert sum(counts._counts["podium_rollouts_refused_total"].values()) > 100
    plane.instead = lambda _method, path: (200, b"[]") if path[-1] == "rollouts" else None
    poller.step()
    assert [len(each) for each in kept[:1]] == [0]
    assert board.refused == {}
    source.close()
