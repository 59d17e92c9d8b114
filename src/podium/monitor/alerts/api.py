"""Routes of alerts."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import Parameter

from podium.core import alert, event, time
from podium.core.access import Caller, Permission
from podium.monitor.alerts import actions
from podium.monitor.alerts import store as rows
from podium.store import events
from podium.store.store import Store

_ALERTS = "/api/v1/projects/{project:str}/alerts"
_READ = {"permission": Permission.READ}
_MONITOR = {"permission": Permission.MONITOR}
Limit = Annotated[int, Parameter(ge=1, le=1000)]


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's words."""

    note: Annotated[str, msgspec.Meta(max_length=4000)] = ""


class Sleep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long, such as 12h, 2d or 1w, and why."""

    duration: Annotated[str, msgspec.Meta(max_length=20)]
    note: Annotated[str, msgspec.Meta(max_length=4000)] = ""


@get(_ALERTS, opt=_READ, sync_to_thread=True)
def list_alerts(
    store: Store,
    caller: Caller,
    endpoint: str | None = None,
    in_state: Annotated[alert.AlertState | None, Parameter(query="state")] = None,
    after: str | None = None,
    limit: Limit = 100,
) -> list[alert.Alert]:
    """Alerts, newest first; `after` is the last id of the page before."""
    with store.read() as connection:
        return rows.list_all(connection, caller.project, endpoint=endpoint, state=in_state, before=after, limit=limit)


@get(_ALERTS + "/{alert_id:str}", opt=_READ, sync_to_thread=True)
def get_alert(store: Store, caller: Caller, alert_id: str) -> alert.Alert:
    """One alert."""
    with store.read() as connection:
        return rows.get(connection, caller.project, alert_id)


@post(_ALERTS + "/{alert_id:str}/acknowledge", opt=_MONITOR, status_code=200, sync_to_thread=True)
def acknowledge_alert(store: Store, caller: Caller, alert_id: str, data: Note) -> alert.Alert:
    """Say that one has seen it and deals with it."""
    return actions.acknowledge(store, caller, alert_id, data.note)


@post(_ALERTS + "/{alert_id:str}/snooze", opt=_MONITOR, status_code=200, sync_to_thread=True)
def snooze_alert(store: Store, caller: Caller, alert_id: str, data: Sleep) -> alert.Alert:
    """Let it sleep for a time; it opens again if its checks still break then."""
    until_us = time.to_us(store.clock() + time.parse_duration(data.duration, "duration"))
    return actions.snooze(store, caller, alert_id, until_us, data.note)


@get(_ALERTS + "/{alert_id:str}/history", opt=_READ, sync_to_thread=True)
def alert_history(store: Store, caller: Caller, alert_id: str) -> list[event.Event]:
    """What happened to it, oldest first."""
    with store.read() as connection:
        rows.get(connection, caller.project, alert_id)
        found = events.read(connection, project=caller.project, subject=event.Subject("alert", alert_id), limit=1000)
    return [each.event() for each in found]


@post(_ALERTS + "/{alert_id:str}/resolve", opt=_MONITOR, status_code=200, sync_to_thread=True)
def resolve_alert(store: Store, caller: Caller, alert_id: str, data: Note) -> alert.Alert:
    """Close it."""
    return actions.resolve(store, caller, alert_id, data.note)


routes = [list_alerts, get_alert, alert_history, acknowledge_alert, snooze_alert, resolve_alert]
