"""Estimates made without outcomes, against what turned out once the outcomes were there."""

from podium.core import access, check, run
from podium.deploy.endpoints import store as endpoints
from podium.manage.registry import store as registry
from podium.measures.estimates import hindsight
from podium.monitor.checks import labels
from podium.monitor.checks import store as rows
from podium.store.store import Store

_MOST = 10_000


def of_endpoint(store: Store, caller: access.Caller, endpoint: str, since_us: int = 0) -> list[check.Estimates]:
    """How good the estimates of each version and measure were, newest version first.

    The estimate of a window is set against the measured figure of the same rows: that of the window which closed one
    label window later. Raises `NotFound` for an unknown endpoint.
    """
    with store.read() as connection:
        place = endpoints.get(connection, caller.project, endpoint)
        later_us = labels.window_us(registry.model(connection, caller.project, place.model).spec)
        estimated, measured = (
            rows.list_checks(
                connection, caller.project, endpoint, kind=kind.value, since_us=since_us or None, limit=_MOST
            )
            for kind in (check.CheckKind.ESTIMATED, check.CheckKind.PERFORMANCE)
        )
    known = {(each.version, each.measure, each.window.end_us): each.value for each in measured}
    pairs: dict[tuple[int, str], list[hindsight.Pair]] = {}
    references: dict[tuple[int, str], float] = {}
    for each in estimated:
        realised = known.get((each.version, each.measure, each.window.end_us + later_us))
        if realised is None or each.value is None or each.low is None or each.high is None or each.reference is None:
            continue
        found = run.Interval(value=each.value, low=each.low, high=each.high, rows=each.rows)
        pairs.setdefault((each.version, each.measure), []).append(hindsight.Pair(found, realised))
        references[each.version, each.measure] = each.reference
    made = []
    for (version, measure), some in sorted(pairs.items(), key=lambda item: (-item[0][0], item[0][1])):
        score = hindsight.hindsight(some, references[version, measure])
        if score is not None:
            made.append(
                check.Estimates(
                    endpoint=endpoint,
                    version=version,
                    measure=measure,
                    windows=score.windows,
                    bias=score.bias,
                    error=score.error,
                    constant=score.constant,
                    held=score.held,
                )
            )
    return made
