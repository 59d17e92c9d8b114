"""From received bytes into the log's tables: each batch exactly once, each prediction once, whatever is killed when."""

import io
from typing import Any

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from podium.core import time
from podium.core.errors import Conflict, Unavailable
from podium.monitor.intake import log as logs
from podium.monitor.intake import segments
from podium.monitor.intake import store as rows
from podium.store.store import Store

MOST_ROWS = 500_000
"""About how many rows a batch holds: what compaction keeps in memory at once."""


AGAIN_US = 3_600_000_000
"""A request that is sent again under the same id within an hour counts once, also when both were scored and logged."""


def compact(store: Store, project: str, model: str) -> dict[str, int]:
    """Bring all that was received for a model into its tables; how many rows each got.

    A batch is fixed in the database before it is written, and its number is committed with its rows: after a kill the
    next call writes it again only if it is not in the table. Raises `Unavailable` when another worker does the same.
    """
    return {log: _compact(store, project, model, log) for log in (rows.PREDICTIONS, rows.OUTCOMES)}


def _compact(store: Store, project: str, model: str, log: str) -> int:
    table = logs.Log(store, project, model, log)
    written = 0
    days: set[str] = set()
    while True:
        with store.read() as connection:
            waiting = rows.open_batches(connection, project, model, log)
        if not waiting:
            fresh = _next(store, project, model, log)
            waiting = [] if fresh is None else [fresh]
        if not waiting:
            table.tidy(sorted(days))
            return written
        for batch in waiting:
            count, touched = _write(store, project, model, table, batch)
            written += count
            days |= touched
            with store.plumbing() as connection:
                rows.committed(connection, project, model, log, batch.number, count)


def _next(store: Store, project: str, model: str, log: str) -> rows.Batch | None:
    now_us = time.to_us(store.clock())
    try:
        with store.plumbing() as connection:
            return rows.next_batch(connection, project, model, log, most_rows=MOST_ROWS, now_us=now_us)
    except Conflict:
        raise _busy() from None


def _reserve(store: Store, project: str, model: str) -> int:
    """The number of a batch of our own, after all others were written: a table's batches stay in order."""
    now_us = time.to_us(store.clock())
    try:
        with store.plumbing() as connection:
            if rows.open_batches(connection, project, model, rows.PREDICTIONS):
                raise _busy()
            return rows.reserve(connection, project, model, rows.PREDICTIONS, now_us=now_us)
    except Conflict:
        raise _busy() from None


def _busy() -> Unavailable:
    return Unavailable("Another worker writes to this log.", fix="Try again.")


def _write(store: Store, project: str, model: str, table: logs.Log, batch: rows.Batch) -> tuple[int, set[str]]:
    with table.opened() as opened:
        if not batch.digests or (opened is not None and (opened.transaction_version(table.name) or 0) >= batch.number):
            return 0, set()
        if table.name == rows.PREDICTIONS:
            content = _new_only(_predictions(store, project, model, batch), table, opened)
        else:
            content = _outcomes(store, batch)
        if not content.num_rows:
            return 0, set()
        content = logs.with_day(content)
        table.append(content, batch.number, opened)
        return content.num_rows, set(content.column("day").unique().to_pylist())


def _predictions(store: Store, project: str, model: str, batch: rows.Batch) -> pyarrow.Table:
    with store.read() as connection:
        columns = rows.log_columns(connection, project, model)
    parts = [segments.as_logged(segments.parse(store.blobs.get(each)).table, columns) for each in batch.digests]
    return pyarrow.concat_tables(parts)


def _outcomes(store: Store, batch: rows.Batch) -> pyarrow.Table:
    parts = []
    for address, endpoint in zip(batch.digests, batch.endpoints, strict=True):
        part = pyarrow.parquet.read_table(io.BytesIO(store.blobs.get(address)))
        parts.append(part.append_column("endpoint", pyarrow.array([endpoint] * part.num_rows, pyarrow.string())))
    table = pyarrow.concat_tables(parts)
    count = table.num_rows
    table = table.append_column("batch", pyarrow.array([batch.number] * count, pyarrow.int64()))
    return table.append_column("position", pyarrow.array(range(count), pyarrow.int64()))


def _new_only(content: pyarrow.Table, table: logs.Log, opened: Any) -> pyarrow.Table:
    """The rows whose (prediction_id, role) is neither in the table nor earlier in the batch, by time."""
    names = _names(content)
    first = pyarrow.table({"name": names, "place": pyarrow.array(range(content.num_rows), pyarrow.int64())})
    first = first.group_by("name", use_threads=False).aggregate([("place", "min")])
    keep = first.column("place_min")
    content = content.take(keep)
    if opened is not None:
        there = _there(content, table, opened)
        content = content.filter(pyarrow.compute.invert(pyarrow.compute.is_in(_names(content), there)))
    return content.sort_by([("at", "ascending"), ("prediction_id", "ascending"), ("role", "ascending")])


def _there(content: pyarrow.Table, table: logs.Log, opened: Any) -> pyarrow.Array:
    """Which of the rows' names the table holds in the time that the rows cover and an hour around; read in pieces."""
    ends = pyarrow.compute.min_max(content.column("at").cast(pyarrow.int64())).as_py()
    first_us, last_us = max(0, ends["min"] - AGAIN_US), min(segments.LAST_US, ends["max"] + AGAIN_US)
    known = table.between(opened, first_us, last_us)
    field = pyarrow.compute.field
    between = (field("at") >= pyarrow.scalar(first_us, segments.AT)) & (
        field("at") <= pyarrow.scalar(last_us, segments.AT)
    )
    wanted = _names(content).combine_chunks()
    found = [
        pyarrow.compute.filter(names, pyarrow.compute.is_in(names, wanted))
        for names in (_names(piece) for piece in known.to_batches(columns=["prediction_id", "role"], filter=between))
    ]
    return pyarrow.chunked_array(found, pyarrow.string()).combine_chunks()


def _names(table: pyarrow.Table | pyarrow.RecordBatch) -> pyarrow.ChunkedArray:
    return pyarrow.compute.binary_join_element_wise(table.column("prediction_id"), table.column("role"), "/")


def append_derived(store: Store, project: str, model: str, content: pyarrow.Table) -> int:
    """Add rows that Podium itself made (in the log's columns) as a batch of their own; how many were new.

    Raises `Unavailable` when another worker writes to the log at the same time.
    """
    table = logs.Log(store, project, model, rows.PREDICTIONS)
    number = _reserve(store, project, model)
    with table.opened() as opened:
        if opened is not None and (opened.transaction_version(table.name) or 0) >= number:
            raise _busy()
        content = _new_only(content, table, opened)
        count: int = content.num_rows
        if count:
            table.append(logs.with_day(content), number, opened)
    with store.plumbing() as connection:
        rows.committed(connection, project, model, rows.PREDICTIONS, number, count)
    return count
