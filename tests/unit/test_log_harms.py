"""What befalls the log while it is written: failing syncs, removed files and folders, faults that no one foresaw.

Rows of whom was told that they are on disk are found again, and everybody is told once.
"""

import itertools
import os
import queue
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from podium.core.errors import Unavailable
from podium.scoring.log import places, segment
from podium.scoring.log.places import Limits
from podium.scoring.log.writer import Writer
from tests.patience import until
from tests.unit.log_kit import Log, part


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "scorer" / "log")
    yield made
    made.writer.close()


class Faults:
    """The next calls of a system's function fail, so many; of those that `concern` it."""

    def __init__(self, real: Callable[..., Any], problem: Exception, concern: Callable[..., bool]) -> None:
        self.left = 0
        self._real = real
        self._problem = problem
        self._concern = concern

    def __call__(self, *given: Any) -> Any:
        if self.left and self._concern(*given):
            self.left -= 1
            raise self._problem
        return self._real(*given)


@pytest.fixture
def folder_syncs(monkeypatch: pytest.MonkeyPatch) -> Faults:
    faults = Faults(os.fsync, OSError(5, "Input/output error"), lambda file: stat.S_ISDIR(os.fstat(file).st_mode))
    monkeypatch.setattr(os, "fsync", faults)
    return faults


@pytest.mark.parametrize("times", [1, 3])
def test_a_sealed_segment_takes_no_more_rows_though_its_folder_was_not_synced(
    log: Log, folder_syncs: Faults, times: int
) -> None:
    assert log.append("first")
    folder_syncs.left = times
    assert not log.flush()
    assert [each.name for each in log.folder.glob(f"*{segment.SEALED}")] == [f"s0{segment.SEALED}"]
    sealed = (log.folder / f"s0{segment.SEALED}").read_bytes()
    until(lambda: log.problem() is None, "the folder's sync is not tried again")
    assert folder_syncs.left == 0
    assert log.append("second")
    assert log.flush()
    assert (log.folder / f"s0{segment.SEALED}").read_bytes() == sealed
    assert log.found() == {"first", "second"} == log.acknowledged()


def test_a_folder_that_cannot_be_synced_is_told(log: Log, folder_syncs: Faults) -> None:
    assert log.append("first")
    folder_syncs.left = 1_000_000
    assert not log.flush()
    assert log.problem() == "Input/output error"
    folder_syncs.left = 0
    until(lambda: log.problem() is None, "it is told for ever")


def test_a_segment_that_cannot_be_sealed_yet_takes_more_rows(log: Log) -> None:
    assert log.append("first")
    (in_the_way := log.folder / f"s0{segment.SIDECAR}{segment.NEW}").mkdir()
    assert not log.flush()
    assert log.problem() == "Is a directory"
    assert log.append("second")
    in_the_way.rmdir()
    assert log.flush()
    assert log.problem() is None
    assert [each.name for each in log.folder.glob(f"*{segment.SEALED}")] == [f"s0{segment.SEALED}"]
    assert log.found() == {"first", "second"}


def remove_file(folder: Path) -> None:
    (folder / f"s0{segment.OPEN}").unlink()


def replace_file(folder: Path) -> None:
    shutil.copy(folder / f"s0{segment.OPEN}", folder / "copy")
    (folder / "copy").replace(folder / f"s0{segment.OPEN}")


def replace_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def remove_all(folder: Path) -> None:
    shutil.rmtree(folder.parent)


def move_all(folder: Path) -> None:
    folder.parent.rename(folder.parent.with_name("moved"))


HARMS = [remove_file, replace_file, replace_folder, shutil.rmtree, remove_all, move_all]


@pytest.mark.parametrize("harm", HARMS)
def test_rows_are_refused_once_their_segment_is_gone_then_go_to_a_new_one(
    log: Log, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(places, "_LOOK_SECONDS", 0.0)
    assert log.append("before")
    harm(log.folder)
    assert not log.append("refused")
    assert log.problem() == "A segment of the log was removed while it was written."
    assert log.append("after")
    assert log.problem() is None
    assert log.flush()
    assert log.found() >= {"after"}
    assert log.acknowledged() == {"before", "after"}


@pytest.mark.parametrize("harm", HARMS)
def test_a_segment_that_is_gone_is_told_when_it_is_sealed(log: Log, harm: Callable[[Path], None]) -> None:
    assert log.append("before")
    harm(log.folder)
    assert not log.flush()
    assert log.problem() == "A segment of the log was removed while it was written."
    assert log.flush()
    assert log.problem() is not None, "nothing was written since"
    assert log.append("after")
    assert log.problem() is None
    assert log.found() >= {"after"}


def test_an_open_segment_is_looked_at_again_after_a_while(log: Log) -> None:
    assert log.append("before")
    remove_file(log.folder)
    until(lambda: not log.append(f"r{len(log.told)}"), "nobody looks at the file")
    assert log.append("after")
    assert "after" in log.found()


def test_segments_are_synced_one_after_the_other_where_no_thread_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = threading._start_new_thread  # type: ignore[attr-defined]
    starts = itertools.count()

    def start(*given: Any) -> Any:
        if next(starts) == 2:
            raise RuntimeError("can't start new thread")
        return real(*given)

    monkeypatch.setattr(threading, "_start_new_thread", start)
    log = Log(tmp_path / "log")
    assert next(starts) == 4, "two threads that sync, one that was refused, the log's own"
    assert all(log.append(f"r{at}", "one", "two", "three") for at in range(20))
    assert log.found() == {f"r{at}{endpoint}" for at in range(20) for endpoint in ("one", "two", "three")}


def test_segments_are_synced_side_by_side_and_one_that_fails_costs_no_other(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(each.name.startswith("podium-sync") for each in threading.enumerate()) >= 8
    assert log.append("first", "one", "two", "three")
    writes = Faults(os.pwritev, RuntimeError("odd"), lambda *_: True)
    monkeypatch.setattr(os, "pwritev", writes)
    writes.left = 1
    assert not log.append("second", "one", "two", "three")
    assert log.append("third", "one", "two", "three")
    found = log.found()
    assert found >= {f"{named}{endpoint}" for named in ("first", "third") for endpoint in ("one", "two", "three")}
    assert len(found) == 8, "of the refused rows two are in the log: sent again, they count once"


@pytest.mark.parametrize("problem", [MemoryError(), RuntimeError("can't start new thread"), ValueError("odd")])
def test_a_fault_that_no_disk_tells_refuses_the_rows_and_ends_nothing(
    log: Log, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    writes = Faults(os.pwritev, problem, lambda *_: True)
    monkeypatch.setattr(os, "pwritev", writes)
    assert log.append("first")
    writes.left = 1
    assert not log.append("second")
    assert log.problem() == "The log cannot be written."
    assert log.append("third")
    assert log.problem() is None
    writes.left = 1
    told: queue.SimpleQueue[Unavailable | None] = queue.SimpleQueue()
    log.writer.append([part("queued")], durable=False, then=told.put)
    until(lambda: log.writer.waiting == 0, "queued rows are not tried again")
    assert log.found() == {"first", "third", "queued"}
    assert log.acknowledged() == {"first", "third"}


def test_a_fault_outside_of_any_write_is_told_to_who_flushes_and_ends_nothing(tmp_path: Path) -> None:
    faults = iter([RuntimeError("odd")])

    def on_sealed() -> None:
        for each in faults:
            raise each

    log = Log(tmp_path / "log", on_sealed)
    assert log.append("first")
    assert not log.flush()
    assert log.problem() == "The log cannot be written."
    assert log.append("second")
    assert log.problem() is None
    assert log.flush()
    assert log.found() == {"first", "second"}


def test_rows_that_cannot_be_logged_cost_no_others(tmp_path: Path) -> None:
    dropped: list[int] = []
    writer = Writer(tmp_path, lambda: "s", Limits(seconds=3600.0), on_dropped=dropped.append)
    odd = msgspec.structs.replace(part("odd"), scores=np.full(1, 0.25, dtype=np.float32))
    far = msgspec.structs.replace(part("far"), at_us=2**70)
    told: queue.SimpleQueue[Unavailable | None] = queue.SimpleQueue()
    for each in (part("a"), odd, part("b"), far, part("c")):
        writer.append([each], durable=False, then=told.put)
    assert [told.get(timeout=10) for _ in range(5)] == [None] * 5
    writer.append([far], durable=True, then=told.put)
    assert isinstance(told.get(timeout=10), Unavailable)
    writer.flush()
    assert sum(dropped) == 2
    assert writer.waiting == 0
    writer.close()
    (sealed,) = tmp_path.glob(f"*{segment.SEALED}")
    found = pa.ipc.open_stream(sealed.read_bytes()).read_all()
    assert found["request_id"].to_pylist() == ["a", "b", "c"]


def test_what_waits_for_a_disk_that_refuses_is_tried_until_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "log"
    for seconds, written in ((20.0, True), (1.5, False)):
        names = iter(f"s{at}" for at in range(99))
        writer = Writer(folder, lambda: next(names), Limits(seconds=3600.0))  # noqa: B023 - used in this turn
        shutil.rmtree(folder, ignore_errors=True)
        folder.write_text("in the way")
        writer.append([part("a")], durable=False, then=lambda _: None)
        until(lambda: writer.problem is not None)  # noqa: B023 - asked in this turn
        closing = threading.Thread(target=writer.close, args=(seconds,))
        closing.start()
        if written:
            closing.join(1.0)
            assert closing.is_alive()
            folder.unlink()
        closing.join(30)
        assert ("the last 1 rows" in caplog.text) is not written
        assert bool(folder.is_dir() and list(folder.glob(f"*{segment.SEALED}"))) is written
        if not written:
            folder.unlink()


def test_a_disk_that_hangs_is_told_to_who_wants_all_sealed(log: Log) -> None:
    busy, over = threading.Event(), threading.Event()

    def hold(_: Unavailable | None) -> None:
        busy.set()
        over.wait(30)

    log.writer.append([part("first")], durable=True, then=hold)  # told on the writer's thread
    assert busy.wait(10)
    try:
        with pytest.raises(Unavailable, match="cannot be written"):
            log.writer.flush(0.2)
    finally:
        over.set()
    assert log.flush()
    assert log.found() == {"first"}


def test_many_rows_at_once_leave_room_for_a_few(tmp_path: Path) -> None:
    limits = Limits(seconds=3600.0, waiting=10_000)
    dropped: list[int] = []
    names = iter(f"s{at}" for at in range(9))
    writer = Writer(tmp_path, lambda: next(names), limits, on_dropped=dropped.append)
    busy, over = threading.Event(), threading.Event()

    def hold(_: Unavailable | None) -> None:
        busy.set()
        over.wait(10)

    writer.append([part("first")], durable=True, then=hold)  # told on the writer's thread
    assert busy.wait(10)
    for count, drops in ((5000, []), (4500, [4500]), (2000, [4500]), (2900, [4500]), (200, [4500, 200])):
        writer.append([part(f"{count}")] * count, durable=False, then=lambda _: None)
        assert dropped == drops, count
    over.set()
    writer.flush()
    writer.append([part("many")] * 10_000, durable=False, then=lambda _: None)
    assert dropped == [4500, 200], "what is alone may take it all"
    writer.close()


def test_who_cannot_be_told_keeps_nobody_else_from_being_told(log: Log) -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()

    def then(named: str) -> Callable[[Unavailable | None], None]:
        def tell(refused: Unavailable | None) -> None:
            assert refused is None
            told.put(named)
            if int(named) % 2:
                raise RuntimeError("Event loop is closed")

        return tell

    for at in range(40):
        log.writer.append([part(str(at))], durable=True, then=then(str(at)))
    assert {told.get(timeout=10) for _ in range(40)} == set(map(str, range(40)))
    assert log.append("last")
    assert told.empty()
    assert log.writer.waiting == 0
    assert log.found() == {*map(str, range(40)), "last"}
