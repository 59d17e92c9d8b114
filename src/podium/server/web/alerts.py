"""Alerts, newest first."""

from litestar import Response

from podium.core import access, alert
from podium.monitor.alerts import store as rows
from podium.server.web import page
from podium.store.store import Store

_LIMIT = 50


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
