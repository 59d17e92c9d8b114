"""Alerts, newest first; one alert with its history; and the forms by which people deal with it."""

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.enums import RequestEncodingType
from litestar.params import Body

from podium.core import access, alert, event, time
from podium.monitor.alerts import actions
from podium.monitor.alerts import store as rows
from podium.monitor.checks import store as checks
from podium.monitor.delivery import store as delivery
from podium.server.web import page, show, words
from podium.store import events
from podium.store.store import Store

_LIMIT = 50
_ALERT = "/p/{project:str}/alerts/{alert_id:str}"
_FORM_BYTES = 64 * 1024
_NAPS = ("12h", "1d", "2d", "1w", "2w")


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """What a person does about an alert, from the form."""

    do: str
    note: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    duration: str = "1d"


@page.view("/p/{project:str}/alerts")
def alerts(
    request: page.WebRequest,
    store: Store,
    caller: access.Caller,
    show: alert.AlertState | None = None,
    before: str | None = None,
) -> Response[str]:
    """Alerts, of one state if asked."""
    with store.read() as connection:
        found = rows.list_all(connection, caller.project, state=show, before=before, limit=_LIMIT)
    return page.render(
        request,
        "alerts.html",
        alerts=found,
        states=list(alert.AlertState),
        chosen=show,
        more=found[-1].id if len(found) == _LIMIT else None,
    )


@page.view(_ALERT)
def one_alert(request: page.WebRequest, store: Store, caller: access.Caller, alert_id: str) -> Response[str]:
    """What broke, what was done about it, and where news of it went."""
    with store.read() as connection:
        item = rows.get(connection, caller.project, alert_id)
        about = event.Subject("alert", item.id)
        history = [each.event() for each in events.read(connection, project=caller.project, subject=about, limit=500)]
        causes = checks.by_ids(connection, caller.project, item.causes)
        sent = delivery.list_deliveries(connection, caller.project, alert=item.id)
        channels = delivery.list_channels(connection, caller.project)
    return page.render(
        request,
        "alert.html",
        item=item,
        causes=causes,
        history=[(time.to_us(each.at), words.verb(each.kind), each.actor, each.detail) for each in history],
        sent=sent,
        channels=channels,
        naps=_NAPS,
        may=caller.may(access.Permission.MONITOR) and item.state is not alert.AlertState.RESOLVED,
    )


@post(
    f"{_ALERT}/answer",
    opt={"permission": access.Permission.MONITOR, "form": True},
    request_max_body_size=_FORM_BYTES,
    sync_to_thread=True,
    include_in_schema=False,
)
def answer_alert(
    store: Store,
    caller: access.Caller,
    alert_id: str,
    data: Annotated[Say, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[str]:
    """Acknowledge, snooze or resolve, as the pressed button says."""
    if data.do == "snooze":
        until_us = time.to_us(store.clock() + time.parse_duration(data.duration))
        actions.snooze(store, caller, alert_id, until_us, data.note)
    elif data.do == "resolve":
        actions.resolve(store, caller, alert_id, data.note)
    else:
        actions.acknowledge(store, caller, alert_id, data.note)
    return page.go(show.address(caller.project, "alerts", alert_id))
