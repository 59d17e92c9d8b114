"""What a window's decisions were worth, computed when it closes; and the list of them."""

import numpy
import pyarrow

from podium.core import access, endpoint, project, value, window
from podium.deploy.endpoints import store as endpoints
from podium.monitor.value import others, worth
from podium.monitor.value import store as rows
from podium.store.store import Store


def of_window(  # noqa: PLR0913 - a window, its rows, and what was promised
    store: Store,
    place: endpoint.Endpoint,
    spec: project.Project,
    span: window.Window,
    of: window.Window,
    scored: pyarrow.Table,
    expected_cost: float | None,
) -> value.WindowValue | None:
    """The value of the champion's decisions in a window, against no model, a rule, the champion before, a challenger.

    `scored`: the champion's rows made in `of` (the window, or with a label window so much earlier), with outcomes and
    people's decisions known at the window's end. None where the project has no costs, or nothing decides.
    """
    if spec.costs is None or place.champion is None:
        return None
    decided = others.decided(scored)
    mine = others.arrays_of(decided)
    by, sure = worth.grouping(mine), spec.metrics.confidence
    given = others.Rows(place, spec, of, span.end_us, decided)
    former, lacking = others.of_former(store, given)
    rivals = [*others.of_rule(store, given), *former, *others.of_release(store, given)] if mine.target.size else []
    each = worth.worth(mine, spec.costs, by, sure)
    roles = numpy.isin(scored.column("role").to_numpy(), ("champion", "canary"))
    return value.WindowValue(
        endpoint=place.name,
        version=place.champion,
        window=span,
        of=of,
        unit=spec.costs.unit,
        kpi=spec.model.kpi,
        rows=int(mine.target.size),
        waiting=int(roles.sum()) - int(mine.target.size),
        per_decision=each,
        total=0.0 if each is None else each.value * mine.target.size,
        expected=None if expected_cost is None else -expected_cost,
        gains=tuple(worth.gains(mine, rivals, spec.costs, by, sure)),
        groups=by.name,
        lacking=lacking,
    )


def of_endpoint(
    store: Store, caller: access.Caller, name: str, *, before_us: int | None = None, limit: int = 100
) -> list[value.WindowValue]:
    """The values of an endpoint's closed windows, newest first. Raises `NotFound` for an unknown endpoint."""
    with store.read() as connection:
        endpoints.get(connection, caller.project, name)
        return rows.list_all(connection, caller.project, name, before_us=before_us, limit=limit)
