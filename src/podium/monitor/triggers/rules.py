"""Which trigger is due, and what stands in its way. Pure: no clock, no database."""

from collections.abc import Sequence
from datetime import timedelta

import croniter
import msgspec

from podium.core import project, release, run, time


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at, at the end of a window."""

    now_us: int
    since_us: int
    """When the triggers were last looked at (or the newest run was asked for): a schedule due since then is due."""
    standing: Sequence[str]
    """Kinds of the alerts that are not resolved, of the version that decides."""
    new_rows: int
    """Rows whose outcome became known since the newest run's data was put together."""
    newest: run.Run
    code: str
    """The digest of the model's code in force."""
    stage: release.Stage | None
    """Of the endpoint's open release."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger that is due, and why, in words."""

    trigger: project.TriggerPart
    why: str


def due(triggers: Sequence[project.TriggerPart], now: Situation) -> Due | None:
    """The first trigger of the project file that is due and has cooled down, if any."""
    found = [(each, _why(each, now)) for each in triggers]
    ready = [(each, why) for each, why in found if why is not None]
    cooled = [(each, why) for each, why in ready if blocked_by_cool_down(each, now) is None]
    return next((Due(trigger=each, why=why) for each, why in cooled or ready), None)


def blocked(found: Due, now: Situation) -> str | None:
    """What stands in the way of a retraining, in words, if anything does."""
    if now.newest.state in (run.RunState.REQUESTED, run.RunState.RUNNING):
        return f"Run {now.newest.number} is going on."
    if now.stage in (release.Stage.AWAITING_APPROVAL, release.Stage.CANARY):
        return f"A release is at {now.stage}."
    return blocked_by_cool_down(found.trigger, now)


def blocked_by_cool_down(trigger: project.TriggerPart, now: Situation) -> str | None:
    """That the last run was asked for too recently, if so."""
    waited = timedelta(microseconds=now.now_us - now.newest.created_us)
    if waited < time.parse_duration(trigger.cool_down, "triggers.cool_down"):
        return f"The last run was asked for less than {trigger.cool_down} ago."
    return None


def _changed(now: Situation) -> bool:
    return now.code != now.newest.code.source_digest


def _why(trigger: project.TriggerPart, now: Situation) -> str | None:
    if trigger.on == "alert":
        kinds = [kind for kind in now.standing if not trigger.kinds or kind in trigger.kinds]
        return f"alert: {', '.join(sorted(set(kinds)))}" if kinds else None
    if trigger.on == "new_data":
        return f"new data: {now.new_rows:,} more rows with known outcome" if 0 < trigger.rows <= now.new_rows else None
    if trigger.on == "code_change":
        return "code change: the model's code is not that of the newest run" if _changed(now) else None
    if trigger.cron is None:
        return None
    tick = croniter.croniter(trigger.cron, time.from_us(now.since_us)).get_next(type(time.EPOCH))
    return f"schedule: {trigger.cron}" if time.to_us(tick) <= now.now_us else None
