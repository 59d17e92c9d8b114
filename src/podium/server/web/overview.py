"""A project at a glance: what serves, what broke, what waits for whom, what happened."""

import msgspec
from litestar import Response
from sqlalchemy import Connection

from podium.core import access, alert, check, endpoint, release, time, value
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import store as releases
from podium.jobs import store as jobs
from podium.manage.approvals import pending
from podium.manage.audit import store as audit
from podium.monitor.alerts import store as alerts
from podium.monitor.checks import store as checks
from podium.monitor.reviews import store as reviews
from podium.monitor.value import store as values
from podium.server.web import page, words
from podium.store.store import Store

_EVENTS, _LOOKED_AT = 12, 60


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint, its release on the way, its last window, and what its decisions were worth."""

    endpoint: endpoint.Endpoint
    release: release.Release | None
    window: check.ClosedWindow | None
    worth: value.WindowValue | None


@page.view("/p/{project:str}")
def overview(request: page.WebRequest, store: Store, caller: access.Caller) -> Response[str]:
    """The project's first page."""
    now_us = time.to_us(store.clock())
    with store.read() as connection:
        found = audit.list_entries(connection, audit.Filter(project=caller.project), limit=_LOOKED_AT)
        return page.render(
            request,
            "overview.html",
            places=places(connection, caller.project),
            alerts=standing(connection, caller.project),
            waiting=pending.pending(connection, caller.project, now_us, limit=20),
            reviews=reviews.waiting(connection, caller.project),
            jobs=jobs.find(connection, caller.project, active_at_us=now_us, limit=10),
            events=words.lines(found, quiet=True)[:_EVENTS],
        )


def places(connection: Connection, project: str) -> list[Place]:
    """The project's endpoints by name."""
    return [
        Place(
            endpoint=item,
            release=releases.open_of(connection, project, item.name),
            window=next(iter(checks.list_windows(connection, project, item.name, limit=1)), None),
            worth=next(iter(values.list_all(connection, project, item.name, limit=1)), None),
        )
        for item in endpoints.list_all(connection, project)
    ]


def standing(connection: Connection, project: str) -> list[alert.Alert]:
    """Alerts that are open, then those that somebody looks after."""
    states = (alert.AlertState.OPEN, alert.AlertState.ACKNOWLEDGED)
    return [item for state in states for item in alerts.list_all(connection, project, state=state, limit=20)]
