"""Shadow back-fill: every prediction that decided while a shadow listened gets its shadow twin, whatever was killed."""

from collections.abc import Callable

import msgspec
import pyarrow
import pyarrow.compute

from podium.bundle import columns
from podium.core import rollout
from podium.core.rollout import RouteRole
from podium.deploy.endpoints import store as endpoints
from podium.monitor.intake import bundles, chances, compaction, segments, window
from podium.store.store import Store

Progress = Callable[[float, str], None]
_AT_ONCE = 50_000
_DECIDING = ("champion", "canary")


def back_fill(store: Store, project: str, query: window.Query, progress: Progress) -> int:
    """Score the missing twins of a window's predictions, from their logged features, and log them; how many.

    Which shadow a prediction should have had stands in the rollout that it names. The scorer's own twins stay.
    Raises `Unavailable` when another worker writes to the log at the same time.
    """
    with store.read() as connection:
        shadows = {
            document.number: route
            for document in endpoints.history(connection, project, query.endpoint, limit=10_000)
            if (route := document.route(RouteRole.SHADOW)) is not None
        }
    missing = _missing(store, project, query, shadows) if shadows else None
    if missing is None or not missing.num_rows:
        return 0
    written = 0
    with bundles.cache(store) as cache:
        for start in range(0, missing.num_rows, _AT_ONCE):
            part = missing.slice(start, _AT_ONCE)
            progress(start / missing.num_rows, "scoring missing shadow twins")
            twins = [_twins(part, group, shadows[group[0]], cache) for group in _groups(part)]
            written += compaction.append_derived(store, project, query.model, pyarrow.concat_tables(twins))
    return written


def _missing(
    store: Store, project: str, query: window.Query, shadows: dict[int, rollout.Route]
) -> pyarrow.Table | None:
    """The deciding predictions, with their features, whose rollout had a shadow and that have no twin."""
    narrow = window.read_rows(store, project, msgspec.structs.replace(query, columns=("rollout",)))
    role = narrow.column("role")
    deciding = narrow.filter(
        pyarrow.compute.and_(
            pyarrow.compute.is_in(role, pyarrow.array(_DECIDING)),
            pyarrow.compute.is_in(narrow.column("rollout"), pyarrow.array(sorted(shadows), pyarrow.int64())),
        )
    )
    shadowed = narrow.filter(pyarrow.compute.equal(role, "shadow")).column("prediction_id")
    there = pyarrow.compute.is_in(deciding.column("prediction_id"), shadowed.combine_chunks())
    lacking = deciding.filter(pyarrow.compute.invert(there)).column("prediction_id").combine_chunks()
    if not len(lacking):
        return None
    deciding_only = msgspec.structs.replace(query, roles=_DECIDING, columns=None)
    return window.read_rows(store, project, deciding_only, pyarrow.compute.field("prediction_id").isin(lacking))


def _groups(part: pyarrow.Table) -> list[tuple[int, str]]:
    pairs = part.select(["rollout", "digest"]).group_by(["rollout", "digest"]).aggregate([])
    return sorted(zip(pairs.column("rollout").to_pylist(), pairs.column("digest").to_pylist(), strict=True))


def _twins(part: pyarrow.Table, group: tuple[int, str], route: rollout.Route, cache: bundles.Bundles) -> pyarrow.Table:
    """The shadow's rows beside those of one rollout and deciding bundle."""
    mine = part.filter(
        pyarrow.compute.and_(
            pyarrow.compute.equal(part.column("rollout"), group[0]),
            pyarrow.compute.equal(part.column("digest"), group[1]),
        )
    )
    return twins(mine, group[1], route, cache)


def twins(mine: pyarrow.Table, digest: str, route: rollout.Route, cache: bundles.Bundles) -> pyarrow.Table:
    """What a route's version says of rows that the bundle of a digest decided, from their logged features.

    Empty where that bundle was not sent all that the version needs.
    """
    model, sent = cache.get(route.digest), cache.manifest(digest).signature
    wanted = model.manifest.signature
    if any(sent.feature(field.name) is None for field in wanted.features):
        return mine.slice(0, 0)
    answers = model.predict(columns.from_log(wanted, mine))
    score = pyarrow.array(chances.top(answers) if wanted.labels else answers)
    decided = pyarrow.nulls(mine.num_rows, pyarrow.bool_())
    if route.threshold is not None:
        decided = pyarrow.compute.greater_equal(score, route.threshold)
    if route.review is not None:
        inside = pyarrow.compute.and_(
            pyarrow.compute.greater_equal(score, route.review.low), pyarrow.compute.less(score, route.review.high)
        )
        decided = pyarrow.compute.if_else(inside, None, decided)
    changed = {
        "version": pyarrow.array([route.version] * mine.num_rows, pyarrow.int64()),
        "digest": pyarrow.array([route.digest] * mine.num_rows, pyarrow.string()),
        "role": pyarrow.array(["shadow"] * mine.num_rows, pyarrow.string()),
        "score": score,
        "threshold": pyarrow.array([route.threshold] * mine.num_rows, pyarrow.float64()),
        "decision": decided,
    }
    for name, values in changed.items():
        mine = mine.set_column(mine.column_names.index(name), segments.CORE.field(name), values)
    for at, name in enumerate(chances.columns(wanted.labels)):
        mine = mine.set_column(mine.column_names.index(name), name, pyarrow.array(answers[:, at]))
    return segments.with_referred(mine)
