"""A scorer is killed again and again while clients ask it: what was answered is in the log, once."""

import functools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from podium.core import digest
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction
from podium.monitor.intake import log as logs
from podium.monitor.intake import store as intake_rows
from podium.scoring.log import batches, segment
from podium.store.store import Store
from tests import production
from tests import scoring_kit as kit
from tests.faults import aftermath, load
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms
from tests.patience import until

REAL = 5
"""Every fifth start is a new interpreter, as a supervisor would start one; the others are forked, which is faster."""
MOST_SECONDS = 5.0


def compacted(store: Store, stored: dict[str, bytes]) -> pa.Table:
    """The model's log after the real intake and compaction of these segments."""
    production.register_model(store)
    for name, data in stored.items():
        intake.receive_segment(store, production.SYSTEM, "scorer", name, data, digest.of_bytes(data))
        compaction.compact(store, kit.PROJECT, kit.MODEL)
    dataset = logs.Log(store, kit.PROJECT, kit.MODEL, intake_rows.PREDICTIONS).dataset()
    assert dataset is not None
    return dataset.to_table(columns=["prediction_id", "role", "score"])


def _only_the_end_is_torn(left: Path) -> None:
    """A kill between two pages of a write tears the last message, of which nobody was told; it is set aside."""
    assert left.suffix == segment.ASIDE
    found = batches.find(left.read_bytes())
    assert found.end == max((after for _, after in found.spans), default=found.head)


@pytest.mark.alone
@pytest.mark.parametrize("trials", forms("killed"))
def test_kill_9_under_load(
    trials: int, tmp_path: Path, sqlite_template: Path, make_store: Callable[[str], Store], record: Record
) -> None:
    kit.prepare(tmp_path)
    plane = kit.ControlPlane()
    settings: dict[str, Any] = {"url": plane.url, "name": "scorer", "segment_seconds": 0.5}
    for signed in kit.everywhere(1, kit.route("champion", 1, kit.bundle_digest())):
        plane.publish(signed, -1.0)
    nursery = kit.Nursery(tmp_path, **settings)
    address = ["http://127.0.0.1:9"]
    random_ = random.Random(1)
    slowest = (0.0, 0.0)
    forked: list[float] = []
    clients = load.Load(lambda: address[0], "kill", retry=True, endpoints=kit.ENDPOINTS)
    try:
        for trial in range(trials):
            begun = time.monotonic()
            if trial % REAL == 0:
                process = kit.Process(tmp_path, **settings)
                process.http.close()
                pid, address[0] = process.process.pid, process.url
                load.ready(process.url)
                waited = load.Waiting(pid).seconds()
                slowest = max(slowest, (time.monotonic() - begun - waited, waited))
            else:
                process = None
                pid, address[0] = nursery.start()
                if trial % REAL > 1:  # the others may be killed before they are ready
                    load.ready(address[0])
                    forked.append(time.monotonic() - begun - load.Waiting(pid).seconds())
            time.sleep(0.1 + random_.random() * 0.4)
            if process is None:
                nursery.kill(pid)
            else:
                process.process.kill()
                process.process.wait()
                assert process.process.stdout is not None
                process.process.stdout.close()
        with kit.Process(tmp_path, **settings) as last:
            address[0] = last.url
            clients.go_on()
            clients.stop()
            last.drain()
            last.stop()
    finally:
        clients.stop()
        nursery.close()
        plane.close()
    stored = plane.segments | aftermath.segments(tmp_path / "log")
    answered = clients.scores()
    database = tmp_path / "podium.db"
    database.write_bytes(sqlite_template.read_bytes())
    table = compacted(make_store(f"sqlite:///{database}"), stored)
    logged = dict(zip(table["prediction_id"].to_pylist(), table["score"].to_pylist(), strict=True))
    lost = aftermath.lost(answered, logged)
    twice = [one for one, count in Counter(table["prediction_id"].to_pylist()).items() if count > 1]
    again = len(aftermath.rows(stored)) - len(logged)
    assert len(answered) > 20 * trials
    for left in (tmp_path / "log").iterdir():
        _only_the_end_is_torn(left)
    record(
        "killed",
        trials,
        f"{len(lost)} of {len(answered):,} acknowledged lost, {len(twice)} doubled ({again} sent again by clients were "
        f"merged); ready after {slowest[0]:.1f} s at most in {-(-trials // REAL)} starts of a new process, beside "
        f"{slowest[1]:.1f} s in which others had the processors; after {max(forked):.1f} s in {len(forked)} that were "
        "forked",
        held=not lost and not twice and max(slowest[0], *forked) <= MOST_SECONDS and not clients.failed,
    )


def replaced(parent: psutil.Process, killed: int) -> bool:
    """Whether there are two workers without that one."""
    return len({child.pid for child in parent.children()} - {killed}) == 2


def test_kill_9_of_one_of_several_workers_loses_nothing_either(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, workers=2, segment_seconds=0.5) as process:
        parent = psutil.Process(process.process.pid)
        clients = load.Load(process.url, "workers", retry=True)
        try:
            for trial in range(4):
                clients.go_on()
                killed = sorted(child.pid for child in parent.children())[trial % 2]
                os.kill(killed, signal.SIGKILL)
                until(functools.partial(replaced, parent, killed), "nobody is started in its place")
            clients.go_on()
        finally:
            clients.stop()
        assert process.stop() == 0
    assert not clients.failed
    stored = aftermath.segments(tmp_path / "log")
    answered, logged = clients.scores(), aftermath.scores(stored)
    assert len(answered) > 200
    assert aftermath.lost(answered, logged) == []
    for left in (tmp_path / "log").iterdir():
        _only_the_end_is_torn(left)
