"""How many rows learnt their outcome since the newest run's data was put together."""

import msgspec
import pyarrow
import pyarrow.compute

from podium.core import project, time
from podium.monitor.intake import log as logs
from podium.monitor.intake import segments, window
from podium.monitor.intake import store as intake
from podium.store.store import Store

LATE_US = 90 * 86_400_000_000
"""Rows whose outcome comes later than this after the label window are in later training data, but start none."""
_ROLES = ("champion", "canary")


class Since(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint's predictions between two instants: up to `from_us` outcomes are known, up to `to_us` they count."""

    endpoint: str
    from_us: int
    to_us: int


def count(store: Store, spec: project.Project, asked: Since, wanted: int = 1) -> int:
    """Predictions that decided, whose first outcome came after `from_us` and by `to_us`.

    Costs what came since, and not what was ever logged: with fewer than `wanted` new outcomes, only these are counted.
    """
    known = _outcomes(store, spec, asked)
    if known.num_rows < max(1, wanted):
        return int(known.num_rows)
    later = time.parse_duration(spec.monitor.label_window, "monitor.label_window")
    query = window.Query(
        model=spec.model.name,
        endpoint=asked.endpoint,
        from_us=asked.from_us - LATE_US - round(later.total_seconds() * 1e6),
        to_us=asked.to_us,
        as_of_us=asked.to_us,
        roles=_ROLES,
        columns=(),
    )
    field = pyarrow.compute.field
    mine = field("prediction_id").isin(_named(known, "prediction_id")) | field("key").isin(_named(known, "key"))
    found = window.read_rows(store, spec.project, query, mine)
    now = window.with_outcomes(store, spec.project, query, found).column("outcome").is_valid()
    earlier = msgspec.structs.replace(query, as_of_us=asked.from_us)
    before = window.with_outcomes(store, spec.project, earlier, found).column("outcome").is_valid()
    return int(found.filter(pyarrow.compute.and_not(now, before)).num_rows)


def _outcomes(store: Store, spec: project.Project, asked: Since) -> pyarrow.Table:
    """Whose outcome came in the meantime: ids of predictions, or keys, each once."""
    dataset = logs.Log(store, spec.project, spec.model.name, intake.OUTCOMES).dataset(asked.from_us, asked.to_us)
    if dataset is None:
        return pyarrow.table({name: pyarrow.nulls(0, pyarrow.string()) for name in ("prediction_id", "key")})
    field = pyarrow.compute.field
    start, end = (pyarrow.scalar(each, pyarrow.int64()).cast(segments.AT) for each in (asked.from_us, asked.to_us))
    chosen = (field("endpoint") == asked.endpoint) & (field("at") > start) & (field("at") <= end)
    return (
        dataset.to_table(columns=["prediction_id", "key"], filter=chosen)
        .group_by(["prediction_id", "key"])
        .aggregate([])
    )


def _named(known: pyarrow.Table, column: str) -> pyarrow.Array:
    return known.column(column).drop_null().combine_chunks().cast(pyarrow.string())
