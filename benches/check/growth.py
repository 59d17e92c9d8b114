"""What the next hour of traffic costs the platform after a day, a month and a year: its log, its window, its checks."""

import os
import sys
import tempfile
import threading
import time
import types
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

from podium.bundle import signing
from podium.core import access, event, ids
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
HOURS = 24
"""So many hours are measured, each with its own traffic and outcomes, after as many that are not: warm caches."""

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


class _Cost(NamedTuple):
    cpu_s: float
    read_kb: float
    """What the process read from files, its tables and its database; from the system's cache or not."""


def after(days: int) -> dict[str, float]:
    """Close a window of a day at the end of each of so many days, then at the end of each hour of two more.

    `hour_cpu_s` (the median), `hour_mean_cpu_s` (with what is done once in many hours) and `hour_read_kb`: of the last
    day's hours, each of which brings its own rows and outcomes into the log; `day_cpu_s`: of the last whole day.
    """
    with tempfile.TemporaryDirectory() as folder:
        clock = _Clock()
        store = _open(Path(folder), clock)
        try:
            document = production.start(store, production.spec(monitor={"min_rows": 10, "window": "1d"}))
            for day in range(days):
                _receive(store, document, day)
                daily = _close(store, clock, production.days([day])[0])
            hours = [_hour(store, clock, document, day, hour) for day in (days, days + 1) for hour in range(24)][
                -HOURS:
            ]
            return {
                "hour_cpu_s": median(each.cpu_s for each in hours),
                "hour_mean_cpu_s": mean(each.cpu_s for each in hours),
                "hour_read_kb": median(each.read_kb for each in hours),
                "day_cpu_s": daily.cpu_s,
            }
        finally:
            store.database.close()


def _hour(store: Store, clock: _Clock, document: object, day: int, hour: int) -> _Cost:
    _receive(store, document, day, hour)
    return _close(store, clock, production.START_US + (day * 24 + hour + 1) * HOUR_US)


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


def _receive(store: Store, document: object, day: int, hour: int | None = None) -> None:
    """The traffic of a day, or of one hour of it, with its outcomes."""
    traffic = production.traffic(store, document, ROWS_A_DAY, day=day)  # type: ignore[arg-type]
    end_us = production.days([day])[0]
    if hour is not None:
        some = ROWS_A_DAY // 24
        end_us += (hour - 23) * HOUR_US
        rows = slice(hour * some, (hour + 1) * some)
        traffic = production.Traffic(table=traffic.table.slice(rows.start, some), late=traffic.late[rows])
    production.send(store, traffic.table, f"day-{day}-{hour}")
    known = production.outcomes(traffic, at_us=end_us - 1)
    intake.receive_outcomes(store, production.SYSTEM, "delay", known)


def _close(store: Store, clock: _Clock, end_us: int) -> _Cost:
    """Close a window as a worker does; what it took."""
    clock.now = instants.from_us(end_us)
    read, begun = _read(), time.process_time()
    actions.request(store, production.SYSTEM, "delay", end_us)
    with store.plumbing() as connection:
        now = queue.Now(end_us, end_us)
        leased = queue.lease(connection, frozenset({tasks.WINDOW}), {}, now, worker="bench", until_us=end_us + 10**13)
    if leased is None:
        raise RuntimeError("the window's job is not there")
    context = JobContext(store, leased, 30.0, threading.Event())
    result = tasks.close_window(context)
    with context.finishing(result=result) as tx:
        tx.record("job.finished", event.Subject("job", leased.id), permission=access.Permission.DEPLOY)
    return _Cost(time.process_time() - begun, (_read() - read) / 1000)


def _read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))
