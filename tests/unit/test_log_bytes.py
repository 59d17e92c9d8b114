"""What waits for the disk is bounded in bytes as well as in rows: texts may be long."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from podium.bundle import grid
from podium.core.errors import Unavailable
from podium.core.signature import Field, FieldType
from podium.scoring.log import rows, segment
from podium.scoring.log.places import Limits
from podium.scoring.log.writer import Writer
from podium.scoring.shadow import listening
from tests.patience import until
from tests.unit import log_kit

MB = 1024 * 1024
ROOM = 16 * MB
LONG = "x" * MB
SIGNATURE = msgspec.structs.replace(log_kit.SIGNATURE, features=(Field(name="said", type=FieldType.TEXT),))


def part(named: str, text: str = LONG) -> rows.Rows:
    plain = log_kit.part(named)
    texts = np.empty((1, 1), dtype=object)
    texts[0, 0] = text
    source = msgspec.structs.replace(plain.source, signature=SIGNATURE)
    return msgspec.structs.replace(plain, source=source, grid=grid.Grid(np.empty((1, 0)), texts))


class Log:
    """A writer, and how many rows it dropped."""

    def __init__(self, folder: Path) -> None:
        names = iter(f"s{at}" for at in range(999))
        self.folder = folder
        self.dropped: list[int] = []
        limits = Limits(seconds=3600.0, waiting_bytes=ROOM)
        self.writer = Writer(folder, lambda: next(names), limits, on_dropped=self.dropped.append)

    def append(self, each: rows.Rows, size: int = MB, *, durable: bool = False) -> Unavailable | None:
        told: queue.SimpleQueue[Unavailable | None] = queue.SimpleQueue()
        self.writer.append([each], durable=durable, then=told.put, size=size)
        return told.get(timeout=10)

    def found(self) -> list[str]:
        self.writer.close()
        tables = [pa.ipc.open_stream(each.read_bytes()).read_all() for each in self.folder.glob(f"*{segment.SEALED}")]
        return [named for table in tables for named in table["prediction_id"].to_pylist()]


@pytest.fixture
def refused(tmp_path: Path) -> Log:
    """Of a disk that refuses, and keeps one row waiting."""
    log = Log(tmp_path / "log")
    log.folder.rmdir()
    log.folder.write_text("in the way")
    assert log.append(part("first", "short"), 5) is None
    until(lambda: log.writer.problem is not None)
    return log


def test_a_disk_that_refuses_long_texts_costs_so_many_bytes_and_the_rest_is_counted(refused: Log) -> None:
    log = refused
    for at in range(100):
        assert log.append(part(f"r{at}")) is None
    kept = log.writer.waiting
    assert 14 <= kept <= 17
    assert log.dropped == [1] * (101 - kept)
    assert isinstance(log.append(part("durable"), durable=True), Unavailable)
    assert log.append(part("few", "short"), 5) is None
    assert len(log.dropped) == 101 - kept, "there is room for small ones"
    log.folder.unlink()
    log.writer.flush()
    assert log.append(part("last")) is None
    assert log.append(part("lasting"), durable=True) is None
    assert len(log.found()) == kept + 3
    assert len(log.dropped) == 101 - kept


def test_how_large_messages_are_is_known_whatever_was_said_of_the_rows(refused: Log) -> None:
    for at in range(100):
        assert refused.append(part(f"r{at}"), 0) is None
        until(lambda: not refused.writer._pending)
    kept = refused.writer.waiting
    assert 14 <= kept <= 30
    assert sum(refused.dropped) == 101 - kept
    refused.folder.unlink()
    assert len(refused.found()) == kept


def test_what_waits_while_the_disk_hangs_is_bounded_too(tmp_path: Path) -> None:
    log = Log(tmp_path)
    hold, over = held()
    log.writer.append([part("first", "short")], durable=True, then=hold)  # told on the writer's thread
    until(lambda: log.writer.waiting == 0)
    assert [log.append(part(f"r{at}")) for at in range(40)] == [None] * 40
    assert log.dropped == [1] * 24
    over.set()
    log.writer.flush()
    assert len(log.found()) == 17


def test_what_comes_alone_may_be_more(tmp_path: Path) -> None:
    log = Log(tmp_path)
    assert log.append(part("large", LONG * 20), 20 * MB, durable=True) is None
    assert log.append(part("queued", LONG * 20), 20 * MB) is None
    log.writer.flush()
    assert sorted(log.found()) == ["large", "queued"]
    assert log.dropped == []


def held() -> tuple[Callable[[Unavailable | None], None], threading.Event]:
    """What does not come back before the event."""
    over = threading.Event()

    def hold(_: Unavailable | None) -> None:
        over.wait(30)

    return hold, over


def test_of_what_shadows_say_numbers_count_too() -> None:
    wide = grid.Grid(np.zeros((100, 500)), np.full((100, 1), "four", dtype=object))
    assert 100 * (500 * 8 + 4) <= listening._size(wide) <= 100 * (500 * 8 + 1000)
