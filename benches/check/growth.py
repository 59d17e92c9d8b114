"""What the next hour of traffic costs the platform after a day, a month and a year: processor time of its window."""

import os
import sys
import tempfile
import threading
import time
import types
from pathlib import Path
from statistics import median

from podium.bundle import signing
from podium.core import ids
from podium.core import time as instants
from podium.jobs import queue
from podium.jobs.context import JobContext
from podium.monitor.checks import actions, tasks
from podium.monitor.intake import actions as intake
from podium.store import clock as clocks
from podium.store import migrate
from podium.store.blobs import Blobs
from podium.store.database import Database
from podium.store.store import Store

ROOT = Path(__file__).parents[2]
HOUR_US = 3_600_000_000
ROWS_A_DAY = 480
HOURS = 5
"""The last hours are measured, each after the other; the median counts."""

# The model and traffic of the tests. An installed package is called `tests` too; ours comes first.
_TESTS = types.ModuleType("tests")
_TESTS.__path__ = [str(ROOT / "tests")]
sys.modules["tests"] = _TESTS

from tests import production  # noqa: E402


class _Clock:
    def __init__(self) -> None:
        self.now = instants.from_us(production.START_US)

    def __call__(self) -> object:
        return self.now


def after(days: int) -> dict[str, float]:
    """Close the window of each day for so many days, then of single hours: `hour_cpu_s` and `day_cpu_s`."""
    with tempfile.TemporaryDirectory() as folder:
        clock = _Clock()
        store = _open(Path(folder), clock)
        try:
            document = production.start(store, production.spec(monitor={"min_rows": 10, "window": "1d"}))
            for day in range(days):
                _receive(store, document, day, ROWS_A_DAY)
                daily = _close(store, clock, production.days([day])[0])
            hours = []
            end_us = production.days([days - 1])[0]
            for hour in range(HOURS):
                # The traffic of a whole day is sent in the first hour; each hour closes a window that ends in it.
                if hour == 0:
                    _receive(store, document, days, ROWS_A_DAY)
                hours.append(_close(store, clock, end_us + (hour + 1) * HOUR_US))
            return {"hour_cpu_s": median(hours), "day_cpu_s": daily}
        finally:
            store.database.close()


def _open(folder: Path, clock: _Clock) -> Store:
    database = Database(f"sqlite:///{folder / 'podium.db'}")
    migrate.upgrade(database)
    key, system = signing.make(), clocks.system()
    return Store(
        database=database,
        blobs=Blobs(str(folder / "blobs")),
        clock=clock,  # type: ignore[arg-type]
        lease_clock=system,
        new_id=lambda prefix: ids.make(prefix, system(), os.urandom(8)),
        signer=lambda body: signing.sign(key, body),
        public_key=signing.public(key),
        key_id=signing.key_id(signing.public(key)),
    )


def _receive(store: Store, document: object, day: int, rows: int) -> None:
    traffic = production.traffic(store, document, rows, day=day)  # type: ignore[arg-type]
    production.send(store, traffic.table, f"day-{day}")
    known = production.outcomes(traffic, at_us=production.days([day])[0] - 1)
    intake.receive_outcomes(store, production.SYSTEM, "delay", known)


def _close(store: Store, clock: _Clock, end_us: int) -> float:
    """Close a window as a worker does; the processor time of it."""
    clock.now = instants.from_us(end_us)
    begun = time.process_time()
    actions.request(store, production.SYSTEM, "delay", end_us)
    with store.plumbing() as connection:
        now = queue.Now(end_us, end_us)
        leased = queue.lease(connection, frozenset({tasks.WINDOW}), {}, now, worker="bench", until_us=end_us + 10**13)
    if leased is None:
        raise RuntimeError("the window's job is not there")
    tasks.close_window(JobContext(store, leased, 30.0, threading.Event()))
    return time.process_time() - begun
