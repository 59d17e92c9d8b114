"""Training data from production: the first run's data, and every logged prediction whose outcome is known."""

import pyarrow
import pyarrow.compute

from podium.build.datasets import actions as datasets
from podium.core import dataset, prediction, project
from podium.core.errors import Refused
from podium.monitor.intake import window
from podium.store.store import Store

_DECIDING = ("champion", "canary")
_DATE, _MOMENT = "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"


def collect(
    store: Store, spec: project.Project, base: dataset.DatasetVersion, endpoint: str, as_of_us: int
) -> pyarrow.Table:
    """The base's columns, with the log's deciding predictions made before an instant and with an outcome known by it.

    One row a key: the base's before the log's, the earlier before the later. Sorted by time, then key, so that the
    same rows give the same digest in whatever order they arrived. Where the split's key is a column that the log does
    not have, it is the UTC date of the row's time.
    """
    known = datasets.read_table(store, base.digest)
    query = window.Query(
        model=spec.model.name,
        endpoint=endpoint,
        from_us=0,
        to_us=as_of_us,
        as_of_us=as_of_us,
        roles=_DECIDING,
        matured=True,
        columns=tuple(prediction.FEATURE_PREFIX + name for name in spec.features.names()),
    )
    logged = window.read_window(store, spec.project, query)
    fresh = pyarrow.table([_column(logged, field, spec) for field in known.schema], schema=known.schema)
    whole = pyarrow.concat_tables([known, _unknown(fresh, known, spec.data.key)])
    return whole.sort_by([(spec.data.time, "ascending"), (spec.data.key, "ascending")])


def _unknown(fresh: pyarrow.Table, known: pyarrow.Table, key: str) -> pyarrow.Table:
    """The log's rows whose key the base does not have, one each: the first."""
    there = known.column(key).combine_chunks()
    fresh = fresh.filter(pyarrow.compute.invert(pyarrow.compute.is_in(fresh.column(key), there)))
    places = pyarrow.table({"key": fresh.column(key), "place": pyarrow.array(range(fresh.num_rows), pyarrow.int64())})
    first = places.group_by("key", use_threads=False).aggregate([("place", "min")]).column("place_min")
    return fresh.take(first)


def _column(logged: pyarrow.Table, field: pyarrow.Field, spec: project.Project) -> pyarrow.ChunkedArray:
    name = field.name
    feature = prediction.FEATURE_PREFIX + name
    if name == spec.data.key:
        return _cast(logged.column("key"), field)
    if name == spec.data.target:
        return _target(logged.column("outcome"), field, spec.model.classes)
    if name == spec.data.time:
        return _instant(logged.column("at"), field, _MOMENT)
    if name in spec.features.names() and feature in logged.column_names:
        return _cast(logged.column(feature), field)
    if name == spec.split.key:
        return _instant(logged.column("at"), field, _DATE)
    return pyarrow.chunked_array([pyarrow.nulls(logged.num_rows, field.type)])


def _instant(at: pyarrow.ChunkedArray, field: pyarrow.Field, words: str) -> pyarrow.ChunkedArray:
    if pyarrow.types.is_string(field.type):
        whole = at.cast(pyarrow.timestamp("s", "UTC"), safe=False)
        return pyarrow.compute.strftime(whole.cast(pyarrow.timestamp("s")), format=words)
    if pyarrow.types.is_timestamp(field.type) and words == _DATE:
        return pyarrow.compute.floor_temporal(at, unit="day").cast(field.type)
    if pyarrow.types.is_timestamp(field.type) or pyarrow.types.is_date(field.type):
        return at.cast(field.type, safe=False) if len(at) else pyarrow.chunked_array([pyarrow.nulls(0, field.type)])
    raise _unfit(field)


def _target(outcome: pyarrow.ChunkedArray, field: pyarrow.Field, classes: tuple[str, ...]) -> pyarrow.ChunkedArray:
    if classes:
        words = pyarrow.array(classes).take(outcome.cast(pyarrow.int64()).combine_chunks())
        whole = pyarrow.types.is_floating(field.type)
        return _cast(pyarrow.chunked_array([words.cast(pyarrow.int64()) if whole else words]), field)
    if pyarrow.types.is_boolean(field.type):
        return pyarrow.compute.not_equal(outcome, 0.0)
    return _cast(outcome, field)


def _cast(column: pyarrow.ChunkedArray, field: pyarrow.Field) -> pyarrow.ChunkedArray:
    try:
        return column.cast(field.type)
    except pyarrow.ArrowException:
        raise _unfit(field) from None


def _unfit(field: pyarrow.Field) -> Refused:
    return Refused(
        f"The log cannot give the column {field.name!r} as {field.type}, as the first training data has it.",
        field="triggers",
        fix="Register new training data and start a run by hand.",
    )
