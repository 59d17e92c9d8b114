"""How long champion and challenger take for one row: as scorers tell, or as it is timed here, in turns."""

import time
from collections.abc import Callable

import msgspec
import numpy
import pyarrow
import pyarrow.compute

from podium.bundle import columns
from podium.core import release
from podium.deploy.endpoints import store as endpoints
from podium.measures import rows as arrays
from podium.monitor.intake import bundles, window
from podium.store.store import Store

ROWS = 200
"""The newest so many are timed."""
_WARM, _TRIES = 20, 3
_FEWEST = 30


def by_scorers(
    store: Store, project: str, item: release.Release, since_us: int
) -> tuple[arrays.Numbers, arrays.Numbers] | None:
    """Milliseconds of rows by the champion and by a release's challenger, as all scorers timed them since an instant.

    None with fewer than 30 rows.
    """
    with store.read() as connection:
        scorers = endpoints.list_scorers(connection, project)
    told = [pair for each in scorers if each.at_us >= since_us for pair in each.took_by(item.endpoint, item.digest)]
    if len(told) < _FEWEST:
        return None
    table = numpy.array(told, dtype=numpy.float64)
    return table[:, 0], table[:, 1]


def newest(store: Store, project: str, query: window.Query) -> pyarrow.Table:
    """The newest 200 predictions of a query, all of the version that made the last one."""
    narrow = window.read_rows(store, project, msgspec.structs.replace(query, columns=("digest",)))
    if not narrow.num_rows:
        return narrow
    same = pyarrow.compute.equal(narrow.column("digest"), narrow.column("digest")[-1])
    last = narrow.filter(same)
    from_us = last.slice(max(0, last.num_rows - ROWS)).column("at")[0].cast(pyarrow.int64()).as_py()
    ids = last.slice(max(0, last.num_rows - ROWS)).column("prediction_id").combine_chunks()
    chosen = pyarrow.compute.field("prediction_id").isin(ids)
    return window.read_rows(store, project, msgspec.structs.replace(query, from_us=from_us), chosen)


def milliseconds(store: Store, rows: pyarrow.Table, first: str, second: str) -> tuple[arrays.Numbers, arrays.Numbers]:
    """Milliseconds of each row (with its features) by the bundles `first`, which made them, and `second`.

    The best of three for each row, so that another process's turn is not the model's; in turns, so that both meet the
    same machine. Rows that the second cannot be given, for want of a feature, have none: both come empty.
    """
    with bundles.cache(store) as cache:
        known = cache.get(first).manifest.signature
        models = [cache.get(each) for each in (first, second)]
        if any(known.feature(field.name) is None for field in models[1].manifest.signature.features):
            return numpy.empty(0), numpy.empty(0)
        seen = [columns.from_log(each.manifest.signature, rows) for each in models]
        found = numpy.full((2, rows.num_rows), numpy.inf)
        for place in range(rows.num_rows + _WARM):
            row = slice(place % rows.num_rows, place % rows.num_rows + 1)
            given = [columns.take(each, row) for each in seen]
            for turn in range(2 * _TRIES):
                side = (turn + place) % 2
                found[side, row] = numpy.minimum(found[side, row], _took(models[side].predict, given[side]))
    return found[0], found[1]


def _took(predict: Callable[[columns.Columns], arrays.Numbers], row: columns.Columns) -> float:
    begun = time.perf_counter()
    predict(row)
    return 1e3 * (time.perf_counter() - begun)
