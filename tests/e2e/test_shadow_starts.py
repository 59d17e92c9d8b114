"""Shadows where the system gives narrow pipes or no process at all, and rows that cannot be handed on."""

import fcntl
import logging
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from podium.bundle import grid
from podium.core.signature import Signature
from podium.scoring.shadow import frames
from podium.scoring.shadow.line import Line
from podium.scoring.shadow.queue import Shadows
from podium.scoring.shadow.waiting import Mark, Most
from tests import scoring_kit as kit
from tests.e2e.test_scorer_shadow import other_signature
from tests.patience import until
from tests.shadow_kit import LIMITS, Parts, adopt, batch


def test_a_shadow_scores_though_the_system_gives_narrow_pipes(
    shadowed: Parts, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """And more rows than such a pipe holds."""
    real, refusals = fcntl.fcntl, []

    def narrow(end: int, command: int, *given: Any) -> Any:
        if command == fcntl.F_SETPIPE_SZ:
            refusals.append(end)
            raise PermissionError(1, "Operation not permitted")
        return real(end, command, *given)

    monkeypatch.setattr(fcntl, "fcntl", narrow)
    shadows: Shadows = request.getfixturevalue("shadows")
    for _ in range(20):
        shadows.submit(shadowed.loaded, batch(shadowed.loaded, frames.PIECE))
    assert shadows.drain()
    assert refusals
    assert (shadowed.scored(), shadowed.dropped()) == (20 * frames.PIECE, 0)


def test_rows_wait_for_a_process_that_cannot_be_started_and_who_drains_does_not(
    shadowed: Parts, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    begun = time.monotonic()
    shadows: Shadows = request.getfixturevalue("shadows")
    assert shadows.drain(), "nothing waits"
    shadows.submit(shadowed.loaded, batch(shadowed.loaded, 3))
    assert not shadows.drain()
    assert not shadows.drain()
    took = time.monotonic() - begun
    assert took < 30.0
    assert (shadows.waiting, shadowed.dropped()) == (3, 0)
    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert 2 <= len(told) <= took + 2
    assert all("cannot be started" in each.message and each.exc_info is None for each in told)
    monkeypatch.undo()
    until(shadows.drain)
    assert (shadowed.scored(), shadowed.dropped(), shadows.waiting) == (3, 0, 0)


@pytest.mark.parametrize("plain", [True, False])
def test_what_waits_for_a_process_is_bounded_in_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    """By what is to be handed on, or by the bodies that are to be read again for another signature."""
    parts = adopt(tmp_path, kit.write_bundle if plain else other_signature)
    executable = sys.executable
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    rows = batch(parts.loaded, 8)
    rows = rows._replace(again=lambda _: rows.grid)
    size = 100_000
    if plain:
        long = [f"{at}{'x' * size}" for at in range(8)]
        rows = rows._replace(keys=long)
        size = sum(map(len, long))
    most = Most(bytes=5 * size + size // 2)
    shadows = Shadows(parts.board.serving, parts.kept, LIMITS, parts.counts, most)
    try:
        for _ in range(20):
            shadows.submit(parts.loaded, rows, 100 if plain else size)
        assert (shadows.waiting, parts.dropped()) == (40, 120)
        monkeypatch.setattr(sys, "executable", executable)
        until(shadows.drain)
        assert (parts.scored(), parts.dropped(), shadows.waiting) == (40, 120, 0)
        assert shadows._room.bytes == 0
        shadows.submit(parts.loaded, rows, 100 if plain else size)
        _child().kill()
        until(shadows.drain)
        assert (parts.scored() + parts.dropped(), shadows.waiting) == (40 + 120 + 8, 0)
        assert shadows._room.bytes == 0
    finally:
        shadows.close()


@pytest.mark.parametrize("problem", [KeyError("odd"), MemoryError()])
def test_rows_that_cannot_be_handed_on_are_dropped_and_cost_no_others(tmp_path: Path, problem: Exception) -> None:
    parts = adopt(tmp_path, other_signature)
    loaded = parts.loaded
    assert not loaded.views[0].same
    shadows = Shadows(parts.board.serving, parts.kept, LIMITS, parts.counts)

    def fail(_: Signature) -> grid.Grid:
        raise problem

    good = batch(loaded, 5)
    try:
        shadows.submit(loaded, good._replace(again=lambda _: good.grid))
        assert shadows.drain()
        child = _child()
        shadows.submit(loaded, batch(loaded, 4, fail))
        shadows.submit(loaded, good._replace(again=lambda _: good.grid))
        assert shadows.drain()
        assert (shadows.waiting, parts.scored(), parts.dropped()) == (0, 10, 4)
        assert _child() == child
    finally:
        shadows.close()


def test_plain_rows_for_which_there_is_no_memory_are_no_fault_of_who_has_an_answer(
    shadowed: Parts, shadows: Shadows
) -> None:
    class Scarce(list[str]):
        def __getitem__(self, _: Any) -> Any:
            raise MemoryError

    good = batch(shadowed.loaded, 5)
    assert frames.plain(shadowed.loaded, good)
    shadows.submit(shadowed.loaded, good._replace(prediction_ids=Scarce(good.prediction_ids)))
    shadows.submit(shadowed.loaded, good)
    assert shadows.drain()
    assert (shadows.waiting, shadowed.scored(), shadowed.dropped()) == (0, 5, 5)


def _child() -> psutil.Process:
    """The process of the shadows."""
    (found,) = [each for each in psutil.Process().children() if "podium.scoring.shadow.child" in each.cmdline()]
    return found


def test_a_rollout_that_cannot_be_told_leaves_the_others_in_their_order(shadowed: Parts, tmp_path: Path) -> None:
    odd = iter([KeyError("odd")])

    def folder_of(named: str) -> Path:
        for problem in odd:
            raise problem
        return shadowed.kept.bundle(named)

    line = Line(frames.Begin(str(tmp_path / "log"), LIMITS), folder_of)
    mark = Mark()
    try:
        with pytest.raises(KeyError):
            line.expect(shadowed.loaded)
        line.expect(shadowed.loaded)
        line.mark(mark)
        heard: list[bool] = []

        def told() -> bool:
            line.flush()
            heard.extend(each.mark is mark for _, given in line.told() for each in given)
            return len(heard) == 2

        until(told)
        assert heard == [False, True]
        assert not line.open
    finally:
        line.close()
