"""The rules of `[[triggers]]` that types cannot say."""

from collections.abc import Iterator, Mapping
from typing import Any

import croniter

from podium.core import check as checks
from podium.core import name as names
from podium.core import time

_KINDS = tuple(kind.value for kind in checks.CheckKind)
_BELONGS = {"kinds": "alert", "cron": "schedule", "rows": "new_data"}
_CRON_LIMIT = 128
Found = tuple[int, str, str, str]
"""Which trigger, its key (empty: the whole), what is wrong with it, and what to write instead."""


def check(triggers: tuple[Any, ...]) -> Iterator[Found]:
    """Every rule that the triggers break. Unreadable keys are None."""
    for index, trigger in enumerate(triggers):
        if isinstance(trigger, Mapping) and trigger.get("on") is not None:
            for key, message, fix in _trigger(trigger):
                yield index, key, message, fix


def _trigger(trigger: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key, kind in _BELONGS.items():
        if key in trigger and trigger["on"] != kind:
            yield key, f'{key} belongs to a trigger on = "{kind}".', "Leave it out."
    for kind in trigger.get("kinds") or ():
        if kind is not None and kind not in _KINDS:
            yield "kinds", "There is no such kind of check.", names.nearest(kind, _KINDS)
    if trigger["on"] == "schedule" and "cron" not in trigger:
        yield "", "A trigger by schedule needs cron.", 'For example cron = "0 6 1 * *" (monthly).'
    cron = trigger.get("cron")
    if cron is not None and not _is_cron(cron):
        yield "cron", "This is not a cron line.", 'Write minute hour day month weekday: "0 6 1 * *" is monthly.'
    rows = trigger.get("rows", 0)
    if trigger["on"] == "new_data" and rows is not None and rows < 1:
        yield "rows", "A trigger by new data needs rows, at least 1.", "For example rows = 20000."


def _is_cron(text: str) -> bool:
    if len(text) > _CRON_LIMIT or len(text.split()) != 5:
        return False
    try:
        croniter.croniter(text, time.EPOCH).get_next()
    except (croniter.CroniterError, ValueError):
        return False
    return True
