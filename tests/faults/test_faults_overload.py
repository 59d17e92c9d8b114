"""Five times what a scorer can take: what it accepts it answers soon, the rest hears at once that it must wait."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import scoring_kit as kit
from tests.faults import load, pressure
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms

NORMAL = 64
"""Connections that each ask again once they are answered: what a busy scorer has all day."""
TIMES = 5
JUDGED_SECONDS = 60
"""A run that is shorter measures how long requests took but does not judge it: a second's pause would decide alone."""
MOST_SECONDS = 10
"""It must be normal again within so long."""
_SLICE = 1.0


@contextlib.contextmanager
def shipped(folder: Path) -> Iterator[None]:
    """Take sealed segments away, as shipping them would: two minutes of it are more than many disks have to spare."""
    over = threading.Event()

    def take() -> None:
        while not over.wait(0.5):
            for path in folder.glob("*.arrow*"):
                path.unlink(missing_ok=True)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.alone
@pytest.mark.parametrize("seconds", forms("overload"))
def test_five_times_too_much(seconds: int, tmp_path: Path, record: Record) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path) as process, shipped(tmp_path / "log"):
        pressure.run(process.url, connections=NORMAL, seconds=2.0)
        others = load.Others(process.process.pid)
        normal = pressure.run(process.url, connections=NORMAL, seconds=max(3.0, seconds / 10))
        usual = pressure.percentile(normal.accepted, 0.99)
        over = pressure.run(process.url, connections=NORMAL * TIMES, seconds=float(seconds), rate=normal.rate * TIMES)
        ended = time.monotonic()
        recovered = 60.0 if seconds >= JUDGED_SECONDS else MOST_SECONDS + _SLICE  # how long beyond 10 s is for the page
        while time.monotonic() - ended < recovered:
            after = pressure.run(process.url, connections=NORMAL, seconds=_SLICE)
            if set(after.statuses) == {200} and pressure.percentile(after.accepted, 0.99) <= 1.5 * usual:
                recovered = max(0.0, time.monotonic() - ended - _SLICE)
                break
        taken = others.processors()
        process.stop()
    accepted = pressure.percentile(over.accepted, 0.99)
    refused = pressure.percentile(over.refused, 0.99)
    offered = (sum(over.statuses.values()) + over.broken + over.unsent) / over.seconds / normal.rate
    measured = (
        f"offered {offered:.1f} times {normal.rate:,.0f} requests/s of {pressure.ROWS} rows; accepted p99 "
        f"{accepted * 1e3:.0f} ms against {usual * 1e3:.0f} ms where each client waits for its answer; "
        f"{over.statuses.get(429, 0):,} of {sum(over.statuses.values()):,} refused, p99 {refused * 1e3:.0f} ms; "
        f"normal again after {recovered:.1f} s"
    )
    good = set(over.statuses) == {200, 429} and not over.broken and set(normal.statuses) == {200}
    assert offered > TIMES / 2, f"the load was not generated: {measured}"
    if not good or over.unsent:
        measured += f"; {over.statuses}, {over.broken} broken, {over.unsent} not sent in time, {over.strange}"
    soon = accepted <= 2 * usual and refused <= 2 * usual
    held = not over.unsent and recovered <= MOST_SECONDS and (soon or seconds < JUDGED_SECONDS)
    judged = 0.0 if not good else taken
    held = good and held
    load.judge(lambda told: record("overload", seconds, measured + told, held=held), judged, held=held)
