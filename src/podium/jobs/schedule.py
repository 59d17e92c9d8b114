"""Cron lines that make jobs, each slot once however many workers look."""

import re
from contextlib import suppress

from croniter import CroniterError, croniter
from sqlalchemy import select, update

from podium.core import access, event, job, time
from podium.core.errors import Invalid
from podium.jobs import queue
from podium.jobs import store as rows
from podium.jobs.store import schedules
from podium.store.store import Store

_SHORT = frozenset({"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"})
_FIELD = re.compile(r"^[0-9A-Za-z*/,#-]{1,60}$")
_SECOND_US = 1_000_000


class _TakenError(Exception):
    """Another worker made this slot's job."""


def check(cron: str, field: str = "cron") -> str:
    """Return the line if it has five fields (or is a short form such as @daily) and comes due, else raise `Invalid`."""
    parts = cron.split()
    # croniter's R is random and H a hash: a slot would not be the same for two workers.
    plain = len(parts) == 5 and all(_FIELD.match(part) for part in parts) and parts[0][0] not in "RrHh"
    try:
        if cron in _SHORT or plain:
            croniter(cron, 0).get_next(float)
            return cron
    except (CroniterError, ValueError):
        pass
    raise Invalid(
        "This is not a cron line that ever comes due.",
        field=field,
        fix="Write minute, hour, day, month and weekday (UTC), for example 0 3 * * 1.",
    )


def next_us(cron: str, after_us: int) -> int:
    """The first slot after an instant, in microseconds UTC.

    >>> next_us("0 * * * *", 0)
    3600000000
    """
    return round(croniter(cron, after_us // _SECOND_US).get_next(float)) * _SECOND_US


def latest_us(cron: str, now_us: int) -> int:
    """The last slot at or before an instant, in microseconds UTC.

    >>> latest_us("0 * * * *", 7_200_000_000)
    7200000000
    """
    return round(croniter(cron, now_us // _SECOND_US + 1).get_prev(float)) * _SECOND_US


def tick(store: Store) -> list[str]:
    """Enqueue one job for each schedule that is due, once even when several workers tick at once; their ids.

    When the clock has jumped over several slots of a schedule (the system slept, a rehearsal leapt), one job is made,
    for the latest slot only; the slot is in its `args` under `scheduled_us`.
    """
    with store.read() as connection:
        due = rows.due_schedules(connection, time.to_us(store.clock()))
    made: list[str] = []
    for seen in due:
        with suppress(_TakenError):
            made.append(_fire(store, seen))
    return made


def _fire(store: Store, seen: job.Schedule) -> str:
    with store.write(access.system(seen.project)) as tx:
        locked = select(schedules.c.next_us, schedules.c.enabled).where(schedules.c.id == seen.id).with_for_update()
        row = tx.connection.execute(locked).first()
        if row is None or not row.enabled or row.next_us != seen.next_us:
            raise _TakenError
        slot_us = max(latest_us(seen.cron, tx.now_us), seen.next_us)
        made = queue.enqueue(
            tx,
            seen.kind,
            {**seen.args, "scheduled_us": slot_us},
            project=seen.project,
            unique_key=f"{seen.id}@{slot_us}",
        )
        tx.connection.execute(
            update(schedules)
            .where(schedules.c.id == seen.id)
            .values(next_us=next_us(seen.cron, slot_us), last_us=slot_us)
        )
        tx.record(
            "schedule.fired",
            event.Subject("schedule", seen.id),
            permission=access.Permission.DEPLOY,
            detail={"name": seen.name, "kind": seen.kind, "job": made, "slot_us": slot_us},
        )
        return made
