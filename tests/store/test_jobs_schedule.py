"""Schedules: each slot makes one job, a jumped clock makes one for the latest slot."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from podium.core import access, time
from podium.core.errors import Conflict, Invalid, NotFound
from podium.jobs import actions, schedule
from podium.jobs import store as rows
from podium.store.store import Store

CallerOf = Callable[..., access.Caller]
ALLOWED = frozenset({"monitor.window"})
WEEKLY = actions.NewSchedule(name="weekly", cron="0 3 * * 1", kind="monitor.window", args={"endpoint": "delays"})


def test_ticks_make_each_slot_once(
    database_url: str, make_store: Callable[[str], Store], caller: CallerOf, clock: Any
) -> None:
    stores = [make_store(database_url), make_store(database_url)]
    made = actions.create_schedule(stores[0], caller("engineer"), "flights", WEEKLY, allowed=ALLOWED)
    assert time.from_us(made.next_us) == datetime(2013, 3, 4, 3, tzinfo=UTC)
    assert schedule.tick(stores[0]) == []
    clock.now = datetime(2013, 3, 4, 3, 0, 0, 5, tzinfo=UTC)
    with ThreadPoolExecutor(4) as pool:
        ticked = [one for jobs in pool.map(schedule.tick, stores * 4) for one in jobs]
    assert len(ticked) == 1
    with stores[0].read() as connection:
        (job,) = rows.find(connection, "flights")
        after = rows.get_schedule(connection, "flights", "weekly")
    assert job.args == {"endpoint": "delays", "scheduled_us": made.next_us}
    assert (after.last_us, after.next_us) == (made.next_us, made.next_us + 7 * 86_400 * 10**6)


def test_a_jumped_clock_makes_one_job_for_the_latest_slot(store: Store, caller: CallerOf, clock: Any) -> None:
    actions.create_schedule(store, caller("engineer"), "flights", WEEKLY, allowed=ALLOWED)
    clock.now = datetime(2013, 6, 12, tzinfo=UTC)
    assert len(schedule.tick(store)) == 1
    assert schedule.tick(store) == []
    with store.read() as connection:
        (job,) = rows.find(connection, "flights")
    assert time.from_us(job.args["scheduled_us"]) == datetime(2013, 6, 10, 3, tzinfo=UTC)


def test_schedules_are_checked_named_once_and_deleted(store: Store, caller: CallerOf, clock: Any) -> None:
    engineer = caller("engineer")
    actions.create_schedule(store, engineer, "flights", WEEKLY, allowed=ALLOWED)
    with pytest.raises(Conflict):
        actions.create_schedule(store, engineer, "flights", WEEKLY, allowed=ALLOWED)
    with pytest.raises(Invalid):
        actions.create_schedule(store, engineer, "flights", WEEKLY, allowed=frozenset())
    for cron in ("", "* * * *", "0 0 30 2 *", "R * * * *", "61 * * * *", "* * * * * *", "\x00 * * * *", "@never"):
        with pytest.raises(Invalid):
            schedule.check(cron)
    actions.delete_schedule(store, engineer, "flights", "weekly")
    with pytest.raises(NotFound):
        actions.delete_schedule(store, engineer, "flights", "weekly")
    clock.advance(days=30)
    assert schedule.tick(store) == []
