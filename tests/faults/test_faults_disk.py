"""The disk is full, or cannot be written: what is acknowledged is kept or counted, and the scorer goes on by itself.

As root, the log lies on a small file system of its own, which is filled up or made read-only; others cannot mount one,
and skip these tests (not where CI is set).
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podium.core.rollout import Durability
from tests import scoring_kit as kit
from tests.faults import aftermath, load
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms

_SIZE = "4m"
_ROOM = 600
"""Rows that may wait in memory."""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The log's folder, on a file system of four megabytes."""
    folder = tmp_path / "scorer" / "log"
    folder.mkdir(parents=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)], check=False)
    if made.returncode != 0:
        if os.environ.get("CI"):
            pytest.fail("CI runs as root and may mount")
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(log: Path) -> Callable[[], None]:
    """Leave no byte; the answer makes room again."""
    ballast = log / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    return ballast.unlink


def lock(log: Path) -> Callable[[], None]:
    """Make it read-only (when no file there is open for writing); the answer undoes it."""
    subprocess.run(["mount", "-o", "remount,ro", str(log)], check=True)

    def again() -> None:
        subprocess.run(["mount", "-o", "remount,rw", str(log)], check=True)

    return again


def metric(process: kit.Process, name: str) -> int:
    """A counter of the scorer."""
    found = re.search(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", process.http.get("/metrics").text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def prepare(folder: Path, durability: Durability) -> None:
    (named,) = kit.prepare(folder)
    kit.put_rollout(folder, kit.sign(kit.document(1, kit.route("champion", 1, named), durability=durability)))


def refused_once(process: kit.Process, seconds: float = 10.0) -> None:
    """Wait until the scorer has met the disk's refusal."""
    end = time.monotonic() + seconds
    while "podium_log_failing 1" not in process.http.get("/metrics").text:
        assert time.monotonic() < end, "the disk refuses nothing"
        time.sleep(0.01)


def durable(folder: Path, log: Path, refuse: Callable[[Path], Callable[[], None]], trials: int) -> str | None:
    """Under `durable`; what did not hold, if anything."""
    prepare(folder, Durability.DURABLE)
    given: dict[str, float] = {}
    with kit.Process(folder, None, segment_seconds=0.3) as process:
        for trial in range(trials):
            good = load.Load(process.url, f"good{trial}", threads=2)
            time.sleep(0.2)
            good.stop()
            while refuse is lock and any(log.glob("*.open")):
                time.sleep(0.05)
            again = refuse(log)
            bad = load.Load(process.url, f"bad{trial}", threads=2, pause=0.01)
            refused_once(process)
            time.sleep(0.4)
            again()
            after = until_answered(process)
            bad.stop()
            given |= good.scores() | bad.scores()
            if good.failed or set(bad.refused) != {503} or None in bad.retry_after or after > 2.0:
                return f"trial {trial}: {good.failed[:1]}, {bad.refused}, {bad.retry_after}, again after {after:.1f} s"
        process.drain()
        process.stop()
    logged = aftermath.scores(aftermath.segments(log))
    lost = [one for one, score in given.items() if logged.get(one) != score]
    return f"{len(lost)} lost" if lost else None


def until_answered(process: kit.Process) -> float:
    begun = time.monotonic()
    while process.infer(kit.tensors(id=f"probe-{time.monotonic_ns()}")).status_code != 200:
        assert time.monotonic() - begun < 20, "it does not resume"
        time.sleep(0.02)
    return time.monotonic() - begun


def queued(
    folder: Path, log: Path, refuse: Callable[[Path], Callable[[], None]], trials: int
) -> tuple[str | None, int]:
    """Under `queued`; what did not hold, if anything, and how many rows were dropped."""
    prepare(folder, Durability.QUEUED)
    given: dict[str, float] = {}
    with kit.Process(folder, None, segment_seconds=0.3, log_rows=_ROOM) as process:
        for trial in range(trials):
            time.sleep(0.1)
            while refuse is lock and any(log.glob("*.open")):
                time.sleep(0.05)
            again = refuse(log)
            clients = load.Load(process.url, f"queued{trial}", threads=2)
            refused_once(process)
            time.sleep(0.5)
            again()
            clients.stop()
            given |= clients.scores()
            if clients.failed:
                return f"trial {trial}: {clients.failed[:1]}", 0
        process.drain()
        dropped = metric(process, "podium_log_dropped_total")
        process.stop()
    logged = aftermath.scores(aftermath.segments(log))
    missing = [one for one in given if one not in logged]
    more = [one for one in logged if one not in given]
    if len(missing) != dropped or more:
        return f"{len(missing)} missing, {dropped} counted, {len(more)} unknown", dropped
    return None, dropped


@pytest.mark.parametrize("trials", forms("disk-full"))
def test_a_full_disk(trials: int, tmp_path: Path, log: Path, record: Record) -> None:
    wrong, measured = both(tmp_path / "scorer", log, fill, trials)
    record("disk-full", trials, measured, held=wrong is None)


@pytest.mark.parametrize("trials", forms("read-only"))
def test_a_disk_that_became_read_only(trials: int, tmp_path: Path, log: Path, record: Record) -> None:
    wrong, measured = both(tmp_path / "scorer", log, lock, trials)
    record("read-only", trials, measured, held=wrong is None)


def both(folder: Path, log: Path, refuse: Callable[[Path], Callable[[], None]], trials: int) -> tuple[str | None, str]:
    wrong = durable(folder, log, refuse, trials)
    if wrong is not None:
        return wrong, f"durable: {wrong}"
    wrong, dropped = queued(folder, log, refuse, trials)
    if wrong is not None:
        return wrong, f"queued: {wrong}"
    return None, f"durable: 503 with Retry-After, none lost; queued: 200, {dropped:,} drops, all counted; both went on"
