"""Rollouts are taken though threads are short for a while; what nobody wants any more is not told as a refusal."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from podium.scoring import cache, loads, metrics, newest, poll
from podium.scoring.board import Board
from podium.scoring.proof import Limits
from podium.scoring.source import ControlPlane, Folder
from tests import scoring_kit as kit
from tests.patience import until


@pytest.fixture
def board(tmp_path: Path) -> Board:
    made = Board(kit.PROJECT, "", lambda: datetime.fromtimestamp(kit.NOW / 1e6, UTC), metrics.Metrics())
    made.keys = dict(kit.PUBLIC)
    made.limits = Limits(proven=tmp_path / "proven")
    return made


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No thread that loads can be started as long as something is in this list."""
    reasons: list[str] = []
    real: Callable[[threading.Thread], None] = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if reasons and thread.name == "podium-load":
            raise RuntimeError(reasons[0])
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    return reasons


@pytest.mark.parametrize("kept", [False, True])
def test_a_rollout_is_taken_once_there_is_room_for_a_thread(
    board: Board, tmp_path: Path, crowded: list[str], kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    kit.prepare(tmp_path)
    crowded.append("can't start new thread")
    store = cache.Cache(tmp_path)
    poller = poll.Poller(board, Folder(store), store, seconds=0.05)
    if kept:
        starting = threading.Thread(target=poller.from_cache, daemon=True)
        starting.start()
        starting.join(0.5)
    else:
        for _ in range(3):
            poller.step()
        assert caplog.text.count("no thread can be started") == 1
    assert board.numbers() == {}
    crowded.clear()

    def served() -> bool:
        if not kept:
            poller.step()
        return board.numbers() == {kit.ENDPOINT: 1}

    until(served, "it is never taken again", seconds=20.0)


@pytest.fixture
def plane() -> Iterator[kit.ControlPlane]:
    made = kit.ControlPlane()
    yield made
    made.close()


@pytest.mark.parametrize("answer", [(404, b""), (200, b"no manifest"), (500, b"")])
def test_a_rollout_that_fails_after_a_newer_one_serves_is_no_refusal_of_what_serves(
    board: Board,
    plane: kit.ControlPlane,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, bytes],
) -> None:
    monkeypatch.setattr(loads, "_MOMENT_SECONDS", 0.2)
    old, new = kit.bundle_digest(-1.0), kit.write_bundle(tmp_path, -0.5)
    asked, over = threading.Event(), threading.Event()

    def instead(_method: str, path: list[str]) -> tuple[int, bytes] | None:
        if old not in path:
            return None
        asked.set()
        over.wait(30)
        return answer

    plane.instead = instead
    store = cache.Cache(tmp_path)
    source = ControlPlane(plane.url, "", kit.PROJECT, store)
    poller = poll.Poller(board, source, store, seconds=0.05)
    plane.signed[kit.ENDPOINT] = kit.sign(kit.document(5, kit.route("champion", 5, old)))
    poller.start()
    assert asked.wait(10)
    plane.signed[kit.ENDPOINT] = kit.sign(kit.document(6, kit.route("champion", 6, new)))
    until(lambda: board.numbers() == {kit.ENDPOINT: 6})
    until(lambda: len(_loading()) == 1)
    caplog.clear()
    over.set()
    until(lambda: not _loading(), "it does not come to an end")
    poller.stop()
    source.close()
    assert board.status() == {"rollouts": {kit.ENDPOINT: 6}, "refused": {}}
    assert board._counts.value("podium_rollouts_refused_total", endpoint=kit.ENDPOINT) == 0
    assert [each.message for each in caplog.records if each.levelname != "INFO"] == []


def _loading() -> list[Any]:
    return [each for each in threading.enumerate() if each.name == "podium-load"]


def test_what_was_taken_in_an_earlier_life_does_not_hide_what_is_newer(board: Board) -> None:
    newer = newest.Newest(number=5, created_us=500, body="five")
    older = newest.Newest(number=4, created_us=400, body="four")
    board.remember(kit.ENDPOINT, newer)
    board.remember(kit.ENDPOINT, older)
    assert newest.older(older, board._newest[kit.ENDPOINT])
    assert not newest.older(newer, board._newest[kit.ENDPOINT])
