"""An endpoint: who decides, who serves, how the last windows came out, and how it came to be so."""

from collections.abc import Sequence

import msgspec
from litestar import Response
from sqlalchemy import Connection

from podium.core import access, check, drill, release, value
from podium.deploy.endpoints import actions
from podium.deploy.endpoints import store as rows
from podium.deploy.releases import store as releases
from podium.monitor.alerts import store as alerts
from podium.monitor.checks import kept_measures
from podium.monitor.checks import store as checks
from podium.monitor.drill import store as drills
from podium.monitor.triggers import store as triggers
from podium.monitor.value import store as values
from podium.server.web import page
from podium.store.store import Store

_WINDOWS = 12
_MOST_CHECKS = 10_000
_SHOWN = 60
_PATH = (release.Stage.SHADOW, release.Stage.AWAITING_APPROVAL, release.Stage.CANARY, release.Stage.CHAMPION)


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A check in the last window, and its values in the windows before it (oldest first) for the same version."""

    last: check.Check
    values: tuple[float | None, ...]
    tested: drill.Monitor | None
    """Its back-test in the last drill; None: it was not rehearsed."""


@page.view("/p/{project:str}/endpoints/{name:str}")
def endpoint(request: page.WebRequest, store: Store, caller: access.Caller, name: str) -> Response[str]:
    """The endpoint's page."""
    status = actions.status(store, caller, name)
    with store.read() as connection:
        windows = checks.list_windows(connection, caller.project, name, limit=_WINDOWS)
        drilled = next(iter(drills.list_all(connection, caller.project, name, limit=1)), None)
        found = _series(connection, caller.project, name, windows, drilled)
        decisions = triggers.list_all(connection, caller.project, name, limit=_WINDOWS)
        worth = values.list_all(connection, caller.project, name, limit=_WINDOWS)
        return page.render(
            request,
            "endpoint.html",
            status=status,
            endpoint=status.endpoint,
            open=releases.open_of(connection, caller.project, name),
            path_of_release=_PATH,
            releases=releases.list_all(connection, caller.project, endpoint=name, limit=20),
            rollouts=rows.history(connection, caller.project, name, limit=10),
            windows=windows,
            measured=kept_measures.ends(connection, caller.project, name, [each.end_us for each in windows]),
            decisions={each.end_us: each for each in decisions},
            series=found[:_SHOWN],
            drill=drilled,
            budget=drill.BUDGET,
            left_out=max(0, len(found) - _SHOWN),
            alerts=alerts.list_all(connection, caller.project, endpoint=name, limit=10),
            worth=worth,
            gains=_gains(worth),
        )


def _gains(worth: Sequence[value.WindowValue]) -> list[tuple[value.Gain, tuple[float | None, ...]]]:
    """The newest window's gains, the baseline's first, each with those of the windows before (oldest first)."""
    if not worth:
        return []
    first = worth[0].gain(value.Over.BASELINE)
    others = [each for each in worth[0].gains if first is None or each is first or each.who != first.who]
    return [
        (each, tuple(None if found is None else found.per_decision.value for found in _before(worth, each)))
        for each in sorted(others, key=lambda each: each is not first)
    ]


def _before(worth: Sequence[value.WindowValue], gain: value.Gain) -> list[value.Gain | None]:
    same = [
        next((one for one in each.gains if (one.over, one.version) == (gain.over, gain.version)), None)
        for each in worth
    ]
    return same[::-1]


def _series(
    connection: Connection,
    project: str,
    name: str,
    windows: Sequence[check.ClosedWindow],
    drilled: drill.Drill | None,
) -> list[Series]:
    if not windows:
        return []
    found = checks.list_checks(connection, project, name, since_us=windows[-1].end_us, limit=_MOST_CHECKS)
    by_key: dict[tuple[int, str, str | None], dict[int, check.Check]] = {}
    for each in found:
        by_key.setdefault((each.version, each.measure, each.column), {})[each.window.end_us] = each
    ends = sorted(window.end_us for window in windows)
    tested = {(each.measure, each.column): each for each in (drilled.monitors if drilled else ())}
    series = [
        Series(last=known[ends[-1]], values=_values(known, ends), tested=tested.get((measure, column)))
        for (_, measure, column), known in by_key.items()
        if ends[-1] in known
    ]
    return sorted(series, key=lambda one: worst_first(one.last))


def _values(known: dict[int, check.Check], ends: Sequence[int]) -> tuple[float | None, ...]:
    first = min(known)
    return tuple(known[end].value if end in known else None for end in ends if end >= first)


def worst_first(item: check.Check) -> tuple[int, float, str]:
    """Broken checks first; then by how much of the way from the reference to the limit is used up, features by their
    weight in the scores."""
    order = {check.CheckState.BROKEN: 0, check.CheckState.OK: 1, check.CheckState.NOT_ENOUGH_DATA: 2}[item.state]
    reference = item.reference or 0.0
    way = item.limit - reference
    used = 0.0 if item.value is None or way == 0 else (item.value - reference) / way
    weight = 1.0 if item.weight is None else item.weight
    return order, -used * weight, f"{item.measure} {item.column or ''}"
