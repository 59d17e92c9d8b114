"""A scorer that has no file descriptors left for a while, and what it does each second."""

import asyncio
import contextlib
import logging
import resource
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from podium.scoring.http import connection, limits, listen, writing
from podium.scoring.log.segment import SEALED
from podium.scoring.metrics import Metrics
from podium.scoring.ship import Counted, Shipper
from tests import scoring_kit as kit
from tests.patience import until


@pytest.mark.parametrize("workers", [1, 2])
def test_without_file_descriptors_it_goes_on_closing_idle_connections(tmp_path: Path, workers: int) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, http={"idle_seconds": 2.0}, workers=workers) as scorer:
        host, port = scorer.url.removeprefix("http://").split(":")
        parent = psutil.Process(scorer.process.pid)
        serving = parent.children() if workers > 1 else [parent]
        before = scorer.http.get("/v2/health/live").headers["date"]
        for process in serving:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds() + 10, 1000))
        with contextlib.ExitStack() as idle:
            connections = [
                idle.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _ in range(80)
            ]
            time.sleep(1.5)
            for each in connections:
                with contextlib.suppress(ConnectionResetError):
                    assert each.recv(1) == b"", "an idle connection stays open"
        after = scorer.http.get("/v2/health/live").headers["date"]
        assert after != before
        begun = time.monotonic()
        with socket.create_connection((host, int(port)), timeout=10):
            assert scorer.stop() == 0
        assert time.monotonic() - begun < 10


def test_it_may_have_as_many_open_as_the_system_allows(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        with kit.Process(tmp_path) as scorer:
            assert resource.prlimit(scorer.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class _Nobody:
    def refused(self, status: int) -> None:
        raise NotImplementedError

    def take(self, exchange: connection.Connection, number: int, head: object, body: bytes) -> None:
        raise NotImplementedError


def test_what_fails_in_a_second_is_tried_again_in_the_next_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    shared = connection.Shared(_Nobody(), limits.Limits(), writing.Heads(lambda: datetime.now(UTC)))
    first = shared.ok
    tried = []

    def fails() -> None:
        tried.append(1)
        raise OSError(24, "Too many open files")

    async def sweep() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.5):
                await listen._sweep(shared, fails)

    with caplog.at_level(logging.ERROR, "podium.scorer"):
        asyncio.run(sweep())
    assert len(tried) == 2
    assert shared.ok != first
    assert len(caplog.records) == 1
    assert "Too many open files" in caplog.text


def test_a_number_that_cannot_be_read_leaves_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counts = Metrics()
    gone = tmp_path / "gone"
    counts.watch("podium_log_segments_waiting", lambda: float(len(list(gone.iterdir()))))
    counts.watch("podium_log_rows_waiting", lambda: 3.0)
    for _ in range(2):
        lines = counts.text().decode().splitlines()
        assert "podium_log_rows_waiting 3" in lines
        assert not any(line.startswith("podium_log_segments_waiting") for line in lines)
    assert len(caplog.records) == 1
    gone.mkdir()
    assert "podium_log_segments_waiting 0" in counts.text().decode().splitlines()


def test_segments_are_counted_once_a_second_and_after_shipping(tmp_path: Path) -> None:
    def put(number: int) -> None:
        (tmp_path / f"{number}{SEALED}").write_bytes(b"")

    put(0)
    segments = Counted(Shipper(tmp_path, None))
    assert segments.waiting() == 1
    put(1)
    assert segments.waiting() == 1
    assert segments.ship() == 0
    assert segments.waiting() == 2
    put(2)
    until(lambda: segments.waiting() == 3, seconds=5)
