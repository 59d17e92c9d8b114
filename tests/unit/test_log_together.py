"""Rows of one turn are written by one commit, though they come in several calls."""

import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podium.core.errors import Unavailable
from tests.unit.log_kit import Log, part

NAMES = ["a", "b", "c", "d"]


class Told:
    """Who was told what."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.all: queue.SimpleQueue[tuple[str, Unavailable | None]] = queue.SimpleQueue()

    def append(self, named: str) -> None:
        self._log.writer.append([part(named)], durable=True, then=lambda refused: self.all.put((named, refused)))

    def next(self, count: int) -> list[tuple[str, Unavailable | None]]:
        return [self.all.get(timeout=10) for _ in range(count)]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "log")
    assert made.append("first")
    yield made
    made.writer.close()


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each write, how many bytes."""
    real = os.pwritev
    found: list[int] = []

    def write(*given: Any) -> int:
        found.append(real(*given))
        return found[-1]

    monkeypatch.setattr(os, "pwritev", write)
    return found


def test_they_are_on_disk_after_one_write_and_not_before_all_are_there(log: Log, writes: list[int]) -> None:
    told = Told(log)
    with log.writer.together():
        for named in NAMES:
            told.append(named)
            time.sleep(0.02)
        assert told.all.empty()
        assert not writes
    assert told.next(len(NAMES)) == [(named, None) for named in NAMES]
    assert len(writes) == 1
    assert log.found() == {"first", *NAMES}


def test_nobody_waits_for_long(log: Log) -> None:
    told = Told(log)
    with log.writer.together():
        told.append("a")
        assert told.next(1) == [("a", None)]
        told.append("b")
    assert told.next(1) == [("b", None)]


def test_what_goes_wrong_meanwhile_holds_nobody_up(log: Log) -> None:
    told = Told(log)
    with pytest.raises(KeyError), log.writer.together():
        told.append("a")
        raise KeyError("odd")
    assert told.next(1) == [("a", None)]
    assert log.append("b")
    assert log.found() == {"first", "a", "b"}


def test_who_wants_all_sealed_does_not_wait_for_more(log: Log) -> None:
    told = Told(log)
    with log.writer.together():
        told.append("a")
        assert log.flush()
        assert told.next(1) == [("a", None)]


def test_who_came_just_before_is_written_as_soon_as_no_more_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the log's thread was busy then, and nothing was added."""
    log = Log(tmp_path / "log", queued=3600.0)
    assert log.append("first")
    real, writing, written = os.pwritev, threading.Event(), threading.Event()

    def write(*given: Any) -> int:
        writing.set()
        assert written.wait(10)
        return real(*given)

    monkeypatch.setattr(os, "pwritev", write)
    told = Told(log)
    told.append("a")
    assert writing.wait(10)
    told.append("b")
    with log.writer.together():
        written.set()
        assert told.next(1) == [("a", None)]
        time.sleep(0.1)
    assert told.next(1) == [("b", None)]
    assert log.found() == {"first", "a", "b"}
