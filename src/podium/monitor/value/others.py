"""Who else could have decided a window's rows: the rule, the champion before, the challenger, the canary."""

from typing import NamedTuple

import msgspec
import numpy
import numpy.typing
import pyarrow
import pyarrow.compute

from podium.core import bundle, endpoint, prediction, project, release, rollout, window
from podium.core.errors import PodiumError
from podium.core.value import Over
from podium.deploy.endpoints import store as endpoints
from podium.deploy.releases import store as releases
from podium.monitor.intake import bundles, shadows
from podium.monitor.intake import window as log
from podium.monitor.reviews import decisions
from podium.monitor.value import rule, worth
from podium.store.store import Store

MOST = 50_000
"""So many rows, spread evenly, are asked of the champion before."""
_ROLLOUTS = 1_000
_HERE = (bundle.Engine.ONNX, bundle.Engine.TREELITE)
"""Engines that answer in this process. Others are code, or somebody else's service: they are not asked for a figure."""
_NARROW = ("version", "score", "threshold", "decision")


class Rows(NamedTuple):
    """A window's decided rows of the champion, with their outcome, in the order of the log."""

    place: endpoint.Endpoint
    spec: project.Project
    of: window.Window
    as_of_us: int
    table: pyarrow.Table


def decided(table: pyarrow.Table) -> pyarrow.Table:
    """The rows that decided, and whose decision and outcome are known."""
    field = pyarrow.compute.field
    return table.filter(
        field("role").isin(["champion", "canary"]) & field("outcome").is_valid() & field("decision").is_valid()
    )


def arrays_of(table: pyarrow.Table) -> worth.Decided:
    """Decided rows as arrays."""
    return worth.Decided(
        target=numpy.asarray(table.column("outcome").to_numpy(), dtype=numpy.float64),
        act=numpy.asarray(table.column("decision").to_numpy(), dtype=numpy.bool_),
        at_us=numpy.asarray(table.column("at").cast(pyarrow.int64()).to_numpy(), dtype=numpy.int64),
    )


def of_rule(store: Store, rows: Rows) -> list[worth.Other]:
    """The rule of `[baseline]`, on all rows; empty where the project has none or its feature was not logged."""
    part = rows.spec.baseline
    if part is None or not rows.table.num_rows:
        return []
    seen = _features(store, rows, (prediction.FEATURE_PREFIX + part.feature,))
    wanted, places = _beside(rows, seen)
    act = rule.act(part, wanted)
    return [] if act is None else [_paired(rows, Over.BASELINE, rule.words(part), None, (act, places))]


def of_release(store: Store, rows: Rows) -> list[worth.Other]:
    """The version of the open release: a shadow on the same rows, a canary on its own."""
    with store.read() as connection:
        item = releases.open_of(connection, rows.place.project, rows.place.name)
    if item is None or item.version == rows.place.champion:
        return []
    query = msgspec.structs.replace(_query(rows), versions=(item.version,), matured=True, columns=_NARROW)
    scored = log.read_window(store, rows.place.project, query)
    found = decisions.fill(store, rows.place.project, scored, rows.as_of_us)
    found = found.filter(pyarrow.compute.field("decision").is_valid())
    who = f"version {item.version}, the challenger"
    if item.stage is release.Stage.CANARY:
        own = arrays_of(decided(found))
        return [worth.Other(Over.CANARY, who, item.version, own, None)] if own.target.size else []
    heard = found.filter(pyarrow.compute.field("role") == "shadow")
    wanted, places = _beside(rows, heard)
    act = numpy.asarray(wanted.column("decision").to_numpy(), dtype=numpy.bool_)
    return [_paired(rows, Over.CHALLENGER, who, item.version, (act, places))] if act.size else []


def of_former(store: Store, rows: Rows) -> tuple[list[worth.Other], str]:
    """The champion before this one, asked the rows' logged features now; and why not, where there was one."""
    route = _former(store, rows.place)
    if route is None or not rows.table.num_rows:
        return [], ""
    who = f"version {route.version}, the champion before"
    try:
        return _asked(store, rows, route, who)
    except PodiumError as problem:  # its bundle is gone or harmed: the window is closed all the same
        return [], f"{who}, could not be asked: {problem.message}"


def _former(store: Store, place: endpoint.Endpoint) -> rollout.Route | None:
    with store.read() as connection:
        known = endpoints.history(connection, place.project, place.name, limit=_ROLLOUTS)
    routes = (each.route(rollout.RouteRole.CHAMPION) for each in known)
    return next((each for each in routes if each is not None and each.version != place.champion), None)


def _asked(store: Store, rows: Rows, route: rollout.Route, who: str) -> tuple[list[worth.Other], str]:
    ids = rows.table.column("prediction_id").combine_chunks()
    if len(ids) > MOST:
        ids = ids.take(pyarrow.array(numpy.linspace(0, len(ids) - 1, MOST).astype(numpy.int64)))
    seen = _features(store, rows, None, pyarrow.compute.field("prediction_id").isin(ids))
    with bundles.cache(store) as cache:
        if cache.manifest(route.digest).engine not in _HERE:
            return [], f"{who}, is not asked: it does not compute in this process."
        made = [shadows.twins(part, digest, route, cache) for digest, part in _by_digest(seen)]
    answered = [each for each in made if each.num_rows]
    if not answered:
        return [], f"{who}, needs features that were not sent."
    twins = pyarrow.concat_tables(answered)
    wanted, places = _beside(rows, twins.filter(pyarrow.compute.field("decision").is_valid()))
    act = numpy.asarray(wanted.column("decision").to_numpy(), dtype=numpy.bool_)
    return [_paired(rows, Over.FORMER, who, route.version, (act, places))], ""


def _by_digest(seen: pyarrow.Table) -> list[tuple[str, pyarrow.Table]]:
    digests = sorted(set(seen.column("digest").to_pylist()))
    return [(each, seen.filter(pyarrow.compute.field("digest") == each)) for each in digests]


def _features(
    store: Store, rows: Rows, columns: tuple[str, ...] | None, also: pyarrow.compute.Expression | None = None
) -> pyarrow.Table:
    """The champion's rows with these columns (None: all)."""
    query = msgspec.structs.replace(
        _query(rows), versions=(rows.place.champion or 0,), roles=("champion", "canary"), columns=columns
    )
    return log.read_rows(store, rows.place.project, query, also)


def _query(rows: Rows) -> log.Query:
    return log.Query(
        model=rows.spec.model.name,
        endpoint=rows.place.name,
        from_us=rows.of.start_us,
        to_us=rows.of.end_us,
        as_of_us=rows.as_of_us,
    )


def _beside(rows: Rows, found: pyarrow.Table) -> tuple[pyarrow.Table, worth.Groups]:
    """Of some rows those that are also the champion's, in its order, and their places among the champion's."""
    at = pyarrow.compute.index_in(rows.table.column("prediction_id"), found.column("prediction_id").combine_chunks())
    there = at.is_valid()
    places = numpy.flatnonzero(there.to_numpy())
    return found.take(at.filter(there)), places


def _paired(
    rows: Rows, over: Over, who: str, version: int | None, said: tuple[numpy.typing.NDArray[numpy.bool_], worth.Groups]
) -> worth.Other:
    act, places = said
    own = arrays_of(rows.table)
    return worth.Other(over, who, version, worth.Decided(own.target[places], act, own.at_us[places]), places)
