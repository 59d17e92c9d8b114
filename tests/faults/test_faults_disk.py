"""The disk is full, or cannot be written: what is acknowledged is kept or counted, and the scorer goes on by itself.

Once the log lies on a small file system of its own, which is filled up or made read-only (where this user may mount
one), once a preloaded library answers for the disk.
"""

import errno
import functools
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from podium.core.rollout import Durability
from tests import scoring_kit as kit
from tests import small_disk
from tests.faults import aftermath, load, power
from tests.faults.conftest import Record
from tests.faults.lines import DISKS
from tests.faults.lines import trials as forms
from tests.patience import until

_SIZE = "64m"
_ROOM = 600
"""Rows that may wait in memory."""
DROPPED = "podium_log_dropped_total"
_Undo = Callable[[], None]


class Disk:
    """What the log lies on. `variables`: what a scorer's environment needs for it."""

    def __init__(self, log: Path, variables: Mapping[str, str]) -> None:
        self.log = log
        self.variables = variables

    def fill(self) -> _Undo:
        """Leave no byte; the answer makes room again."""
        if self.variables:
            return self._refuse(errno.ENOSPC)
        ballast = self.log / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        return ballast.unlink

    def lock(self) -> _Undo:
        """Make it read-only, once no file there is open for writing; the answer undoes it."""
        if self.variables:
            return self._refuse(errno.EROFS)
        until(lambda: not any(self.log.glob("*.open")), "no segment is sealed")
        self._remount("ro")
        return lambda: self._remount("rw")

    def _remount(self, how: str) -> None:
        """It is busy while a file that got its last name is being closed."""
        command = ["mount", "-o", f"remount,{how}", str(self.log)]
        until(lambda: subprocess.run(command, check=False).returncode == 0, f"the disk cannot be made {how}")

    def _refuse(self, code: int) -> _Undo:
        told = Path(self.variables["POWER_CUT_REFUSES"])
        told.write_text(str(code))
        return told.unlink


@pytest.fixture(params=list(DISKS))
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    log = tmp_path / "scorer" / "log"
    log.mkdir(parents=True)
    if request.param == "preloaded":
        variables = {"LD_PRELOAD": str(power.library(tmp_path)), "POWER_CUT_ROOT": str(log)}
        yield Disk(log, {**variables, "POWER_CUT_REFUSES": str(tmp_path / "refuses")})
        return
    with small_disk.mounted(log, str(_SIZE)):
        yield Disk(log, {})


def metric(process: kit.Process, name: str) -> int:
    """A counter of the scorer."""
    found = re.search(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", process.http.get("/metrics").text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def dropped_more(process: kit.Process, than: int) -> bool:
    """Whether the scorer counts more dropped rows than so many."""
    return metric(process, DROPPED) > than


def prepare(folder: Path, durability: Durability) -> None:
    (named,) = kit.prepare(folder)
    kit.put_rollout(folder, kit.sign(kit.document(1, kit.route("champion", 1, named), durability=durability)))


def refused_once(process: kit.Process) -> None:
    """Wait until the scorer has met the disk's refusal."""
    until(lambda: "podium_log_failing 1" in process.http.get("/metrics").text, "the disk refuses nothing")


def durable(folder: Path, disk: Disk, refuse: Callable[[], _Undo], trials: int) -> str | None:
    """Under `durable`; what did not hold, if anything."""
    prepare(folder, Durability.DURABLE)
    given: dict[str, float] = {}
    with kit.Process(folder, disk.variables, segment_seconds=0.3) as process:
        for trial in range(trials):
            good = load.Load(process.url, f"good{trial}", threads=2)
            good.go_on()
            good.stop()
            again = refuse()
            bad = load.Load(process.url, f"bad{trial}", threads=2, pause=0.001)
            refused_once(process)
            until(bad.refused.total, "the log's room ahead takes all rows though the disk is full")
            again()
            after = until_answered(process)
            bad.stop()
            given |= good.scores() | bad.scores()
            if good.failed or set(bad.refused) != {503} or None in bad.retry_after or after > 2.0:
                return f"trial {trial}: {good.failed[:1]}, {bad.refused}, {bad.retry_after}, again after {after:.1f} s"
        process.drain()
        process.stop()
    lost = aftermath.lost(given, aftermath.scores(aftermath.segments(disk.log)))
    return f"{len(lost)} lost" if lost else None


def until_answered(process: kit.Process) -> float:
    begun = time.monotonic()
    while process.infer(kit.tensors(id=f"probe-{time.monotonic_ns()}")).status_code != 200:
        assert time.monotonic() - begun < 20, "it does not resume"
        time.sleep(0.02)
    return time.monotonic() - begun


def queued(folder: Path, disk: Disk, refuse: Callable[[], _Undo], trials: int) -> tuple[str | None, int]:
    """Under `queued`; what did not hold, if anything, and how many rows were dropped."""
    prepare(folder, Durability.QUEUED)
    given: dict[str, float] = {}
    with kit.Process(folder, disk.variables, segment_seconds=0.3, log_rows=_ROOM) as process:
        for trial in range(trials):
            time.sleep(0.1)
            again = refuse()
            clients = load.Load(process.url, f"queued{trial}", threads=2)
            refused_once(process)
            until(functools.partial(dropped_more, process, metric(process, DROPPED)), "there is always room")
            again()
            clients.stop()
            given |= clients.scores()
            if clients.failed:
                return f"trial {trial}: {clients.failed[:1]}", 0
        process.drain()
        dropped = metric(process, DROPPED)
        process.stop()
    logged = aftermath.scores(aftermath.segments(disk.log))
    missing = [one for one in given if one not in logged]
    more = [one for one in logged if one not in given]
    if len(missing) != dropped or more:
        return f"{len(missing)} missing, {dropped} counted, {len(more)} unknown", dropped
    return None, dropped


@pytest.mark.parametrize("trials", forms("disk-full"))
def test_a_full_disk(trials: int, tmp_path: Path, disk: Disk, record: Record) -> None:
    wrong, measured = both(tmp_path / "scorer", disk, disk.fill, trials)
    record("disk-full", trials, measured, held=wrong is None)


@pytest.mark.parametrize("trials", forms("read-only"))
def test_a_disk_that_became_read_only(trials: int, tmp_path: Path, disk: Disk, record: Record) -> None:
    wrong, measured = both(tmp_path / "scorer", disk, disk.lock, trials)
    record("read-only", trials, measured, held=wrong is None)


def both(folder: Path, disk: Disk, refuse: Callable[[], _Undo], trials: int) -> tuple[str | None, str]:
    wrong = durable(folder, disk, refuse, trials)
    if wrong is not None:
        return wrong, f"durable: {wrong}"
    wrong, dropped = queued(folder, disk, refuse, trials)
    if wrong is not None:
        return wrong, f"queued: {wrong}"
    return None, f"durable: 503 with Retry-After, none lost; queued: 200, {dropped:,} drops, all counted; both went on"
