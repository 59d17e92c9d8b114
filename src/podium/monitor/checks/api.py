"""Routes of windows, checks and days."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import Parameter

from podium.core import access, check, time
from podium.core.access import Caller, Permission
from podium.core.errors import Invalid
from podium.monitor.checks import actions, hindsight, maturity
from podium.monitor.checks import store as rows
from podium.store.store import Store

_ENDPOINT = "/api/v1/projects/{project:str}/endpoints/{name:str}"
_READ = {"permission": Permission.READ}
_MONITOR = {"permission": Permission.MONITOR}
Limit = Annotated[int, Parameter(ge=1, le=1000)]
ManyChecks = Annotated[int, Parameter(ge=1, le=10_000)]


class CloseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the window ends (ISO 8601; default: now)."""

    end: str | None = None


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """The job that closes the window."""

    job: str
    end_us: int


@post(_ENDPOINT + "/windows", opt=_MONITOR, status_code=202, sync_to_thread=True)
def close_window(store: Store, caller: Caller, name: str, data: CloseRequest) -> Requested:
    """Ask for a window to be closed; asking again for the same end gives the same job."""
    now_us = time.to_us(store.clock())
    end_us = now_us if data.end is None else time.to_us(time.parse_instant(data.end, "end"))
    if end_us > now_us:
        raise Invalid("A window that has not ended cannot be closed.", field="end")
    return Requested(job=actions.request(store, caller, name, end_us), end_us=end_us)


@get(_ENDPOINT + "/windows", opt=_READ, sync_to_thread=True)
def list_windows(
    store: Store, caller: Caller, name: str, after: int | None = None, limit: Limit = 100
) -> list[check.ClosedWindow]:
    """Closed windows, newest first; `after` is the last `end_us` of the page before."""
    with store.read() as connection:
        return rows.list_windows(connection, caller.project, name, before_us=after, limit=limit)


@get(_ENDPOINT + "/checks", opt=_READ, sync_to_thread=True)
def list_checks(  # noqa: PLR0913 - one argument a filter
    store: Store,
    caller: Caller,
    name: str,
    end_us: int | None = None,
    since_us: int | None = None,
    version: int | None = None,
    kind: check.CheckKind | None = None,
    limit: ManyChecks = 1000,
) -> list[check.Check]:
    """Checks, newest window first."""
    with store.read() as connection:
        return rows.list_checks(
            connection,
            caller.project,
            name,
            end_us=end_us,
            since_us=since_us,
            version=version,
            kind=None if kind is None else kind.value,
            limit=limit,
        )


@get(_ENDPOINT + "/measures", opt=_READ, sync_to_thread=True)
def window_measures(store: Store, caller: Caller, name: str, end_us: int | None = None) -> check.WindowMeasures:
    """Each feature of a closed window (the newest) by every measure of `podium check`, against training."""
    return actions.measures(store, caller, name, end_us)


@get(_ENDPOINT + "/days", opt=_READ, sync_to_thread=True)
def list_days(
    store: Store,
    caller: access.Caller,
    name: str,
    version: int | None = None,
    first: str = "",
    last: str = "9999-12-31",
) -> list[check.Day]:
    """Each version's days in numbers, from the stored summaries."""
    return actions.days(store, caller, name, version=version, first_day=first, last_day=last)


@get(_ENDPOINT + "/estimates", opt=_READ, sync_to_thread=True)
def list_estimates(store: Store, caller: Caller, name: str, since_us: int | None = None) -> list[check.Estimates]:
    """How good the estimates without outcomes turned out to be, by version and measure."""
    return hindsight.of_endpoint(store, caller, name, since_us or 0)


@get(_ENDPOINT + "/maturity", opt=_READ, sync_to_thread=True)
def list_maturity(
    store: Store, caller: Caller, name: str, days: Annotated[int, Parameter(ge=1, le=366)] = maturity.DAYS
) -> list[check.Maturity]:
    """The share of the last days' predictions whose outcome is known, by age."""
    return maturity.of_endpoint(store, caller, name, days=days)


routes = [close_window, list_windows, list_checks, window_measures, list_days, list_estimates, list_maturity]
