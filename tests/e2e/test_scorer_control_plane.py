"""Real scorer processes whose control plane, or folder, fails in a part: the rest goes on, and the end is bounded."""

import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from podium.bundle import signing
from podium.core import rollout
from podium.core.errors import Unavailable
from podium.core.time import from_us
from podium.scoring import cache, metrics
from podium.scoring.board import Board
from podium.scoring.poll import Poller
from podium.scoring.source import ControlPlane
from tests import scoring_kit as kit
from tests.patience import until

FIRST, SECOND = kit.bundle_digest(-1.0), kit.bundle_digest(-2.0)


@pytest.fixture
def plane() -> Iterator[kit.ControlPlane]:
    """It has the first version in force."""
    made = kit.ControlPlane()
    made.publish(kit.sign(kit.document(1, kit.route("champion", 1, FIRST))), -1.0)
    yield made
    made.close()


def prepared(folder: Path) -> Path:
    """A scorer's folder with both versions, already proven; the trusted key is known."""
    for bias in (-1.0, -2.0):
        kit.write_bundle(folder, bias)
    (folder / "public.key").write_bytes(signing.public(kit.KEY))
    return folder


def version(process: kit.Process, endpoint: str = kit.ENDPOINT) -> str | None:
    found: str | None = process.infer(kit.tensors(), endpoint).json().get("model_version")
    return found


def request_ids(plane: kit.ControlPlane) -> Counter[str]:
    tables = [pa.ipc.open_stream(data).read_all() for data in list(plane.segments.values())]
    return Counter(row for table in tables for row in table.column("request_id").to_pylist())


def test_an_endpoint_whose_bundle_is_out_of_reach_holds_up_no_other(tmp_path: Path, plane: kit.ControlPlane) -> None:
    for name in ("alpha", "zeta"):
        plane.publish(kit.sign(kit.document(1, kit.route("champion", 1, FIRST), endpoint=name)))
    with kit.Process(tmp_path, url=plane.url) as process:
        until(lambda: version(process, "zeta") == "1" and version(process, "alpha") == "1")
        plane.instead = lambda _, path: (500, b"") if path[2:4] == ["bundles", SECOND] else None
        plane.publish(kit.sign(kit.document(2, kit.route("champion", 2, SECOND), endpoint="alpha")), -2.0)
        plane.signed["No Name"] = plane.signed["alpha"]
        told = len(plane.reports)
        plane.publish(kit.sign(kit.document(2, kit.route("champion", 3, FIRST), endpoint="zeta")))
        until(lambda: version(process, "zeta") == "3")
        until(lambda: len(plane.reports) > told and plane.reports[-1]["rollouts"]["zeta"] == 2)
        assert plane.reports[-1]["rollouts"]["alpha"] == 1
        assert plane.reports[-1]["refused"] == {}
        plane.instead = lambda _, __: None
        until(lambda: version(process, "alpha") == "2")


def test_a_status_that_is_not_taken_stops_no_release(tmp_path: Path, plane: kit.ControlPlane) -> None:
    plane.instead = lambda method, _: (500, b"") if method == "POST" else None
    with kit.Process(prepared(tmp_path), url=plane.url) as process:
        until(lambda: version(process) == "1")
        plane.publish(kit.sign(kit.document(2, kit.route("champion", 2, SECOND))), -2.0)
        until(lambda: version(process) == "2")
        assert plane.reports == []
        plane.instead = lambda _, __: None
        until(lambda: bool(plane.reports) and plane.reports[-1]["rollouts"] == {"delay": 2})


def test_what_is_served_is_kept_once_the_disk_takes_it(tmp_path: Path, plane: kit.ControlPlane) -> None:
    """A disk that refuses the document, not the version; then a restart without the control plane."""
    with kit.Process(prepared(tmp_path), url=plane.url) as process:
        until(lambda: version(process) == "1")
        in_the_way = tmp_path / "rollouts" / f".delay.json.{process.process.pid}.new"
        in_the_way.mkdir()
        plane.publish(kit.sign(kit.document(2, kit.route("champion", 2, SECOND))), -2.0)
        until(lambda: version(process) == "2")
        plane.publish(kit.sign(kit.document(3, kit.route("champion", 1, FIRST))))
        until(lambda: version(process) == "1")
        kept = tmp_path / "rollouts" / "delay.json"
        assert number(kept) == 1
        in_the_way.rmdir()
        until(lambda: number(kept) == 3)
        process.kill()
    plane.down = True
    with kit.Process(tmp_path, url=plane.url) as process:
        assert process.status()["rollouts"] == {"delay": 3}


def number(path: Path) -> int:
    """Of the rollout in a file."""
    return msgspec.json.decode(path.read_bytes(), type=rollout.Signed).rollout().number


@pytest.mark.parametrize("answer", [b"<html>please log in</html>", b"", b'{"digest":"sha256:%s"}' % (b"0" * 64)])
def test_a_segment_stays_until_its_receipt_comes(tmp_path: Path, plane: kit.ControlPlane, answer: bytes) -> None:
    """A proxy that answers 200 in the control plane's place takes no prediction with it."""
    asked: list[str] = []

    def proxy(method: str, path: list[str]) -> tuple[int, bytes] | None:
        asked.extend(path[4:] if method == "PUT" else [])
        return (200, answer) if method == "PUT" else None

    plane.instead = proxy
    with kit.Process(prepared(tmp_path), url=plane.url, segment_seconds=0.2) as process:
        until(lambda: process.infer(kit.tensors(id="mine")).status_code == 200)
        until(lambda: len(asked) > 1)
        assert process.http.post("/admin/drain", headers={"Authorization": f"Bearer {kit.ADMIN}"}).status_code == 503
        assert list((tmp_path / "log").glob("*.arrow"))
        plane.instead = lambda _, __: None
        assert process.drain()["waiting"] == 0
    assert request_ids(plane)["mine"] == 3


def test_a_segment_that_cannot_be_read_holds_up_no_other(tmp_path: Path, plane: kit.ControlPlane) -> None:
    with kit.Process(prepared(tmp_path), url=plane.url, segment_seconds=0.2) as process:
        until(lambda: version(process) == "1")
        (tmp_path / "log" / "aaa.arrow").mkdir()
        process.infer(kit.tensors(id="beside"))
        until(lambda: request_ids(plane)["beside"] == 3)
        process.infer(kit.tensors(id="again"))
        assert process.drain()["waiting"] == 1
        assert process.stop() == 0
    assert request_ids(plane)["again"] == 3


def test_stray_and_dangling_files_stop_no_release(tmp_path: Path) -> None:
    first, second = kit.prepare(tmp_path, -1.0, -2.0)
    rollouts = tmp_path / "rollouts"
    (rollouts / "other.json").symlink_to(tmp_path / "nowhere")
    (rollouts / "folder.json").mkdir()
    shutil.copy(rollouts / "delay.json", rollouts / "Delay (1).json")
    with kit.Process(tmp_path) as process:
        assert process.status()["rollouts"] == {"delay": 1}
        assert sorted(process.status()["refused"]) == ["folder", "other"]
        shutil.copy(rollouts / "delay.json", rollouts / "a copy.json")
        (rollouts / "late.json").symlink_to(tmp_path / "nowhere")
        kit.put_rollout(tmp_path, kit.sign(kit.document(2, kit.route("champion", 2, second))))
        until(lambda: version(process) == "2")
        kit.put_rollout(tmp_path, kit.sign(kit.document(3, kit.route("champion", 1, first))))
        until(lambda: version(process) == "1")
        (rollouts / "other.json").unlink()
        kit.put_rollout(
            tmp_path, kit.sign(kit.document(1, kit.route("champion", 2, second), endpoint="other")), "other"
        )
        until(lambda: version(process, "other") == "2")


@pytest.mark.parametrize("seconds", [60.0, 2.5])
def test_the_end_does_not_wait_for_a_slow_control_plane(
    tmp_path: Path, plane: kit.ControlPlane, seconds: float
) -> None:
    """It hangs, or takes so long for each of many segments: what does not go out waits in the folder."""
    asked, over = threading.Event(), threading.Event()

    def slow(method: str, _: list[str]) -> tuple[int, bytes] | None:
        if method == "PUT":
            asked.set()
            over.wait(seconds)
        return None

    plane.instead = slow
    with kit.Process(with_rollout(prepared(tmp_path)), url=plane.url, segment_seconds=0.05) as process:
        for each in range(12):
            assert process.infer(kit.tensors(id=f"r{each}")).status_code == 200
            time.sleep(0.12)
        assert asked.wait(20)
        begun = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - begun < 20
    over.set()
    assert list((tmp_path / "log").glob("*.arrow"))
    plane.instead = lambda _, __: None
    with kit.Process(tmp_path, url=plane.url) as process:
        process.drain()
    assert request_ids(plane) == {f"r{each}": 3 for each in range(12)}


def with_rollout(folder: Path) -> Path:
    kit.put_rollout(folder, kit.sign(kit.document(1, kit.route("champion", 1, FIRST))))
    return folder


class Dripping:
    """A server whose answers come byte by byte, and never end."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._over = threading.Event()
        self._bound = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._bound.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        self._over.set()
        socket.create_connection(self._bound.getsockname()).close()
        for thread in self._threads:
            thread.join()
        self._bound.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            connection, _ = self._bound.accept()
            self._threads.append(threading.Thread(target=self._drip, args=(connection,)))
            self._threads[-1].start()

    def _drip(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n[")
                self.asked.set()
                while not self._over.wait(0.3):
                    connection.sendall(b" ")
            except OSError:
                return


def test_the_end_does_not_wait_for_a_control_plane_that_drips(tmp_path: Path) -> None:
    plane = Dripping()
    settings: dict[str, Any] = {"url": plane.url, "segment_seconds": 0.1}
    try:
        with kit.Process(with_rollout(prepared(tmp_path)), **settings) as process:
            assert process.infer(kit.tensors(id="one")).status_code == 200
            assert plane.asked.wait(20)
            time.sleep(1.0)
            begun = time.monotonic()
            assert process.stop() == 0
            assert time.monotonic() - begun < 20
        assert list((tmp_path / "log").glob("*.arrow"))
    finally:
        plane.close()


def test_a_version_decides_where_its_bundle_says(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    moved = msgspec.structs.replace(kit.route("champion", 1, FIRST), threshold=0.1)
    with kit.Process(tmp_path) as process:
        kit.put_rollout(tmp_path, kit.sign(kit.document(2, moved)))
        until(lambda: "threshold" in process.status()["refused"].get("delay", {}).get("reason", ""))
        assert process.status()["rollouts"] == {"delay": 1}


def test_a_key_that_cannot_be_kept_is_not_trusted_until_it_is(tmp_path: Path, plane: kit.ControlPlane) -> None:
    kept = cache.Cache(prepared(tmp_path))
    board = Board(kit.PROJECT, "", lambda: from_us(kit.NOW), metrics.Metrics())
    source = ControlPlane(plane.url, "", kit.PROJECT, kept)
    poller = Poller(board, source, kept)
    in_the_way = kept.keys_folder / f"{signing.key_id(signing.public(kit.KEY))}.json"
    in_the_way.mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(Unavailable, match="key cannot be kept: Is a directory"):
            poller.step()
        assert (board.keys, board.numbers()) == ({}, {})
    in_the_way.rmdir()
    poller.step()
    assert board.numbers() == {kit.ENDPOINT: 1}
    source.close()
