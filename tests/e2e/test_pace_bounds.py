"""Timing takes a small share of the time, however long models take; one endpoint's fault costs no other its times."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from podium.core import bundle, digest
from podium.core.errors import PodiumError
from podium.scoring import cache, engine, metrics, pace
from podium.scoring.board import Board
from podium.scoring.proof import Limits
from podium.version import VERSION
from tests import engine_kit
from tests import scoring_kit as kit
from tests.patience import until

SLOW = """
import os, time


def score(rows):
    time.sleep(30 if os.path.exists({mark!r}) else 0.04)
    return quick(rows)
"""
"""Takes 40 ms a call, and too long while the mark is there."""
WATCHED_SECONDS = 1.0
"""Less than half of what a round of two such calls has to be followed by."""


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(kit.PROJECT, "", lambda: datetime.fromtimestamp(kit.NOW / 1e6, UTC), metrics.Metrics())
    made.keys = dict(kit.PUBLIC)
    made.limits = Limits(proven=tmp_path / "proven")
    yield made
    for loaded in made.serving():
        for each in loaded.live:
            each.runtime.close()


def adopt(board: Board, folder: Path, endpoint: str, first: str, second: str) -> engine.Loaded:
    routes = (kit.route("champion", 1, first), kit.route("shadow", 2, second, 0.0))
    kept = cache.Cache(folder)
    board.adopt(endpoint, kit.sign(kit.document(1, *routes, endpoint=endpoint)), kept.bundle)
    return board.get(endpoint)


def slow_pair(board: Board, folder: Path) -> pace._Pair:
    """A quick champion and a slow challenger."""
    (folder / "proven").mkdir()
    files = engine_kit.python_files()
    code = files["code/steps.py"].replace(b"def score", b"def quick") + SLOW.format(mark=str(folder / "mark")).encode()
    digests = []
    for kind in (
        engine_kit.Kind(bundle.Engine.ONNX, engine_kit.onnx_files()),
        engine_kit.Kind(bundle.Engine.PYTHON, files | {"code/steps.py": code}),
    ):
        digests.append(engine_kit.write_bundle(folder, kind))
        (folder / "proven" / digests[-1].removeprefix(digest.PREFIX)).write_text(VERSION)
    made = pace._paired(adopt(board, folder, "slow", *digests))
    assert made is not None
    return made


def test_a_slow_challenger_is_asked_for_few_rows_and_seldom(board: Board, tmp_path: Path) -> None:
    pair = slow_pair(board, tmp_path)
    begun = time.perf_counter()
    pair.go_on()
    assert len(pair.microseconds) == 1
    assert pair.microseconds[0][1] > 40_000
    while time.perf_counter() < begun + WATCHED_SECONDS:
        pair.go_on()
    assert len(pair.microseconds) == 1


def test_a_challenger_that_does_not_answer_is_asked_seldom_as_well(board: Board, tmp_path: Path) -> None:
    pair = slow_pair(board, tmp_path)
    (tmp_path / "mark").touch()
    with pytest.raises(PodiumError):
        pair.go_on()
    pair.go_on()
    assert not pair.microseconds


def test_an_endpoint_whose_golden_rows_are_gone_costs_the_others_no_times(
    board: Board, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kit.prepare(tmp_path)
    first, second, third = (kit.write_bundle(tmp_path, bias) for bias in (-1.0, -0.5, -0.2))
    adopt(board, tmp_path, "bad", first, third)
    adopt(board, tmp_path, "good", first, second)
    harmed = cache.Cache(tmp_path).bundle(third) / bundle.GOLDEN
    data = harmed.read_bytes()
    harmed.unlink()
    paces = pace.Pace(board)
    until(lambda: "good" in paces.tell(), "one endpoint's fault keeps all others' times", seconds=20.0)
    until(lambda: len(paces.tell()["good"]["microseconds"]) >= 20, seconds=20.0)
    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert [each.message for each in told] == ["endpoint bad: its models cannot be timed"]
    harmed.write_bytes(data)
    until(lambda: "bad" in paces.tell(), "a fault that is over is held against it", seconds=20.0)
