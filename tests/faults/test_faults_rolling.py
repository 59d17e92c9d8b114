"""Scorers are told to stop, one after the other, while clients ask: no request fails."""

import time
from pathlib import Path

import pytest

from tests import ports
from tests import scoring_kit as kit
from tests.faults import aftermath, load
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms


@pytest.mark.alone
@pytest.mark.parametrize("trials", forms("rolling-restart"))
def test_rolling_restart_under_load(trials: int, tmp_path: Path, record: Record) -> None:
    """Two scorers share a port and a folder; a third starts before one ends, as a rolling update does it."""
    kit.prepare(tmp_path)
    settings = {"port": ports.free(1)[0], "shared": True, "segment_seconds": 1.0}
    running = [kit.Process(tmp_path, None, **settings) for _ in range(2)]
    steady = load.Load(running[0].url, "steady", threads=3)
    coming = load.Load(running[0].url, "comer", threads=2, pause=0.005, keep=False)
    slowest = 0.0
    try:
        for _ in range(trials):
            running.append(kit.Process(tmp_path, None, **settings))
            oldest = running.pop(0)
            begun = time.monotonic()
            assert oldest.stop() == 0
            slowest = max(slowest, time.monotonic() - begun)
        time.sleep(0.1)
    finally:
        steady.stop()
        coming.stop()
        for process in running:
            process.stop()
    answered = steady.scores() | coming.scores()
    failed = steady.failed + coming.failed
    logged = aftermath.scores(aftermath.segments(tmp_path / "log"))
    lost = aftermath.lost(answered, logged)
    assert len(steady.answered) > 20 * trials
    record(
        "rolling-restart",
        trials,
        f"{len(failed)} of {len(answered) // 3:,} requests failed, {len(lost)} lost; stopped in {slowest:.1f} s"
        + "".join(f"; {each.what}" for each in failed[:3]),
        held=not failed and not lost,
    )
