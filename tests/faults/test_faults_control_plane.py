"""The control plane is away: scorers answer, start from their cache, and hand their log over when it is back."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tests import ports
from tests import scoring_kit as kit
from tests.faults import aftermath, load
from tests.faults.conftest import Record
from tests.faults.lines import LINES
from tests.faults.lines import trials as forms

LONG, SHORT = 300.0, 4.0
"""Seconds for which it is down."""


def moved(plane: kit.ControlPlane) -> kit.ControlPlane:
    """A control plane at the same address, with all that the one before had."""
    made = kit.ControlPlane(int(plane.url.rpartition(":")[2]))
    made.signed, made.files, made.segments, made.reports = plane.signed, plane.files, plane.segments, plane.reports
    return made


@pytest.mark.parametrize("trials", forms("control-plane-down"))
def test_the_control_plane_goes_away(trials: int, tmp_path: Path, record: Record) -> None:
    """Half of the time the scorer goes on, then it starts anew with nothing but its folder; then all comes back."""
    seconds = LONG if trials == LINES["control-plane-down"].full else SHORT
    plane = kit.ControlPlane(ports.free(1)[0])
    plane.publish(kit.sign(kit.document(1, kit.route("champion", 1, kit.bundle_digest()))), -1.0)
    settings = {"url": plane.url, "name": "scorer", "segment_seconds": 1.0}
    answered: Counter[str] = Counter()
    failed = 0
    for trial in range(trials):
        clients = []
        with kit.Process(tmp_path, None, **settings) as process:
            load.ready(process.url)
            clients.append(load.Load(process.url, f"up{trial}", threads=2, pause=0.02))
            time.sleep(0.5)
            plane.down = True  # it answers 503
            if trial % 2 == 0:
                plane.close()  # nobody listens
            time.sleep(seconds / 2)
            clients[0].stop()
            before = set(plane.segments)
            process.stop()
        with kit.Process(tmp_path, None, **settings) as process:
            clients.append(load.Load(process.url, f"down{trial}", threads=2, pause=0.02))
            time.sleep(seconds / 2)
            assert set(plane.segments) == before
            if trial % 2:
                plane.down = False
            else:
                plane = moved(plane)
            time.sleep(0.5)
            clients[1].stop()
            process.drain()
            process.stop()
        failed += sum(len(each.failed) for each in clients)
        answered.update(one for each in clients for one in each.scores())
    stored = plane.segments | aftermath.segments(tmp_path / "log")
    plane.close()
    logged = Counter(row["prediction_id"] for row in aftermath.rows(stored))
    missing, more = answered - logged, logged - answered
    assert len(answered) > 100 * trials
    record(
        "control-plane-down",
        trials,
        f"{failed} of {len(answered) // 3:,} requests failed; of {len(answered):,} predictions {missing.total()} are "
        f"missing and {more.total()} too many; down for {seconds:g} s each time",
        held=not failed and not missing and not more,
    )
