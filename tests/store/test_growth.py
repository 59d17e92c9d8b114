"""The next hour of traffic costs what the last one did: work is counted, after a few days of history and after many."""

from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest
import sqlalchemy

from podium.core import time
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction, tables
from podium.monitor.intake import log as logs
from podium.monitor.intake import store as rows
from podium.store.store import Store
from tests import production
from tests.store import test_checks

_HOUR_US = production.DAY_US // 24
_ROWS = 48


def read_bytes() -> int:
    """What this process has read from files so far, by system calls."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def send(store: Store, document: Any, day: int, hour: int | None = None) -> int:
    """A day's rows and outcomes, or those of one of its hours; the instant at which they end."""
    traffic = production.traffic(store, document, _ROWS, day=day)
    end_us = production.days([day])[0]
    if hour is not None:
        some = slice(hour * 2, hour * 2 + 2)
        traffic = production.Traffic(table=traffic.table.slice(some.start, 2), late=traffic.late[some])
        end_us += (hour - 23) * _HOUR_US
    production.send(store, traffic.table, f"part-{day}-{hour}")
    intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(traffic, at_us=end_us - 1))
    return end_us


def close(store: Store, clock: Any, end_us: int) -> dict[str, Any]:
    clock.now = time.from_us(end_us)
    return test_checks.run_job(store, end_us)


def hours(store: Store, clock: Any, document: Any, day: int) -> list[int]:
    """The bytes read for each of the first hours of a day, in order of size."""
    found = []
    for hour in range(7):
        end_us = send(store, document, day, hour)
        before = read_bytes()
        close(store, clock, end_us)
        found.append(read_bytes() - before)
    return sorted(found)


def test_an_hour_reads_as_much_after_many_days_as_after_few(store: Store, clock: Any) -> None:
    document = production.start(store, production.spec(monitor={"min_rows": 10, "window": "1d"}))
    found = {}
    for day in range(35):
        if day in (10, 34):  # a week of outcomes is read: after ten days that is as much as it gets
            found[day] = hours(store, clock, document, day)
            continue
        close(store, clock, send(store, document, day))
    few, many = found[10][3], found[34][3]
    assert many < 1.1 * few, found


def test_a_day_that_is_over_lies_in_one_file(store: Store) -> None:
    document = production.start(store)
    for day in range(4):
        for hour in range(20):
            send(store, document, day, hour)
            compaction.compact(store, "flights", "delay")
    for name in (rows.PREDICTIONS, rows.OUTCOMES):
        with logs.Log(store, "flights", "delay", name).opened() as table:
            assert table is not None
            files = [sum(f"day=2013-03-0{day}" in each for each in table.file_uris()) for day in range(1, 5)]
        assert files[:2] == [1, 1]
        assert max(files) <= 17


def test_no_query_of_a_window_scans_what_grows(store: Store, clock: Any) -> None:
    if store.database.engine.dialect.name != "sqlite":
        pytest.skip("the plan is asked of SQLite, which chooses it without statistics")
    document = production.start(store, production.spec(monitor={"min_rows": 10, "window": "1d", "persistence": 2}))
    close(store, clock, send(store, document, 0))
    asked: list[tuple[str, Any]] = []
    note = lambda *given: asked.append((given[2], given[3]))  # noqa: E731
    end_us = send(store, document, 1)
    sqlalchemy.event.listen(store.database.engine, "before_cursor_execute", note)
    close(store, clock, end_us)
    sqlalchemy.event.remove(store.database.engine, "before_cursor_execute", note)
    with store.read() as connection:
        scans = {
            statement: row[3]
            for statement, given in asked
            if statement.lstrip().split()[0] in ("SELECT", "UPDATE", "DELETE")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            if row[3].startswith("SCAN")
        }
    assert not scans


def test_a_table_is_lent_to_one_at_a_time_and_shows_what_others_wrote(tmp_path: Path) -> None:
    held = tables.Tables()
    url = str(tmp_path / "table")
    with held.lend(url, None) as nothing:
        assert nothing is None
    deltalake.write_deltalake(url, pa.table({"x": [1]}))
    with held.lend(url, None) as one, held.lend(url, None) as two:
        assert one is not None
        assert two is not None
        assert two is not one
        assert (one.version(), two.version()) == (0, 0)
    for wanted in range(1, 2 * tables.CHECKPOINT * 3):
        deltalake.write_deltalake(url, pa.table({"x": [1]}), mode="append")
        with held.lend(url, None) as table:
            assert table is not None
            assert table.version() == wanted
            assert len(table.file_uris()) == wanted + 1


def test_a_table_in_whose_use_something_failed_is_not_lent_again(tmp_path: Path) -> None:
    held = tables.Tables()
    url = str(tmp_path / "table")
    deltalake.write_deltalake(url, pa.table({"x": [1]}))
    with pytest.raises(RuntimeError), held.lend(url, None) as failed:
        raise RuntimeError
    with held.lend(url, None) as fresh:
        assert fresh is not failed
    with held.lend(url, None) as again:
        assert again is fresh
