"""Reading the log: the predictions of a window, with the outcomes known at an instant."""

from collections.abc import Sequence

import msgspec
import numpy
import pyarrow
import pyarrow.compute

from podium.core import prediction
from podium.core.errors import missing_extra
from podium.monitor.intake import log as logs
from podium.monitor.intake import segments
from podium.monitor.intake import store as rows
from podium.store.store import Store

try:
    import duckdb
except ModuleNotFoundError:  # pragma: no cover - with the extra it is there
    duckdb = None

_MEMORY = "1GB"
_EARLY_US = 7 * 86_400_000_000
"""An outcome cannot be known before its prediction is made; a week allows for clocks that say otherwise.

What was known earlier is not the row's outcome, in whichever window it is read: so the outcomes of earlier years need
not be read again for each window. How late an outcome comes does not matter."""
_NEEDED = """
set enable_progress_bar = false;
create temp table hits as
select prediction_id, key, outcome, known_us, batch, position from known
where prediction_id in (select prediction_id from asked) or key in (select key from asked)
"""
_LATEST = """
with found as (
    select asked.place, hits.* from hits join asked on hits.prediction_id = asked.prediction_id
    where hits.known_us >= asked.earliest_us
    union all
    select asked.place, hits.* from hits join asked on hits.key = asked.key
    where hits.prediction_id is null and hits.known_us >= asked.earliest_us
)
select place,
       arg_max(outcome, {'known_us': known_us, 'batch': batch, 'position': position}) as outcome,
       max(known_us) as known_us
from found group by place order by place
"""
"""For each asked row its outcome: the last by instant, then by batch and place in it."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which predictions: of an endpoint, made in [from_us, to_us), in these roles, of these versions (None: all)."""

    model: str
    endpoint: str
    from_us: int
    to_us: int
    as_of_us: int
    """Outcomes that became known by this instant count."""
    roles: tuple[str, ...] = segments.ROLES
    versions: tuple[int, ...] | None = None
    matured: bool = False
    """Only rows whose outcome is known."""
    features: bool = True
    columns: tuple[str, ...] | None = None
    """Only these columns (`outcome`, and those needed to find it, always come)."""


_ALWAYS = ("prediction_id", "key", "at", "role")


def read_window(store: Store, project: str, query: Query) -> pyarrow.Table:
    """The window's predictions by (at, prediction_id, role), with `outcome` and `outcome_at`, null if unknown.

    Only the asked columns are read, and only the files of those days. Empty when there is no log.
    """
    return with_outcomes(store, project, query, read_rows(store, project, query))


def read_rows(
    store: Store, project: str, query: Query, also: pyarrow.compute.Expression | None = None
) -> pyarrow.Table:
    """The window's predictions without outcomes; `also` narrows the rows further."""
    dataset = logs.Log(store, project, query.model, rows.PREDICTIONS).dataset(query.from_us, query.to_us)
    if dataset is None:
        return segments.CORE.empty_table()
    chosen = _filter(query) if also is None else _filter(query) & also
    found = dataset.to_table(columns=_columns(dataset.schema.names, query), filter=chosen)
    return found.sort_by([("at", "ascending"), ("prediction_id", "ascending"), ("role", "ascending")])


def first(store: Store, project: str, query: Query, limit: int) -> Query:
    """The query cut at the instant by which it has that many rows, so that no more is read than is wanted."""
    times = read_rows(store, project, msgspec.structs.replace(query, columns=())).column("at")
    if len(times) <= limit:
        return query
    return msgspec.structs.replace(query, to_us=times[limit - 1].cast(pyarrow.int64()).as_py() + 1)


def with_outcomes(store: Store, project: str, query: Query, found: pyarrow.Table) -> pyarrow.Table:
    """The rows (prediction_id, key, at) with `outcome` and `outcome_at`; with `query.matured` only those with one."""
    values, instants = _outcomes(store, project, query, found)
    whole = _attach(found, values, instants)
    return whole.filter(pyarrow.compute.is_valid(whole.column("outcome"))) if query.matured else whole


def _columns(known: Sequence[str], query: Query) -> list[str]:
    wanted = [each for each in known if each != "day"]
    if query.columns is not None:
        wanted = [each for each in wanted if each in query.columns or each in _ALWAYS]
    elif not query.features:
        wanted = [each for each in wanted if not each.startswith(prediction.FEATURE_PREFIX)]
    return wanted


def _filter(query: Query) -> pyarrow.compute.Expression:
    field = pyarrow.compute.field
    chosen = (
        (field("at") >= _instant(query.from_us))
        & (field("at") < _instant(query.to_us))
        & (field("endpoint") == query.endpoint)
        & field("role").isin(list(query.roles))
    )
    return chosen if query.versions is None else chosen & field("version").isin(list(query.versions))


def _instant(microseconds: int) -> pyarrow.Scalar:
    return pyarrow.scalar(microseconds, pyarrow.int64()).cast(segments.AT)


def _outcomes(store: Store, project: str, query: Query, found: pyarrow.Table) -> tuple[pyarrow.Array, pyarrow.Array]:
    count = found.num_rows
    log = logs.Log(store, project, query.model, rows.OUTCOMES)
    dataset = log.dataset(query.from_us - _EARLY_US, query.as_of_us) if count else None
    if dataset is None:
        return pyarrow.nulls(count, pyarrow.float64()), pyarrow.nulls(count, pyarrow.int64())
    if duckdb is None:
        raise missing_extra("monitor", "duckdb")
    field = pyarrow.compute.field
    known = dataset.scanner(
        columns={
            "prediction_id": field("prediction_id"),
            "key": field("key"),
            "outcome": field("value"),
            "known_us": field("at").cast(pyarrow.int64()),
            "batch": field("batch"),
            "position": field("position"),
        },
        filter=(field("endpoint") == query.endpoint) & (field("at") <= _instant(query.as_of_us)),
    )
    asked = pyarrow.table(
        {
            "place": pyarrow.array(range(count), pyarrow.int64()),
            "prediction_id": found.column("prediction_id"),
            "key": found.column("key"),
            "earliest_us": pyarrow.compute.subtract(found.column("at").cast(pyarrow.int64()), _EARLY_US),
        }
    )
    with duckdb.connect(config={"memory_limit": _MEMORY}) as connection:
        connection.register("known", known.to_reader())
        connection.register("asked", asked)
        connection.execute(_NEEDED)
        matched = connection.sql(_LATEST).to_arrow_table()
    return _spread(matched, "outcome", pyarrow.float64(), count), _spread(matched, "known_us", pyarrow.int64(), count)


def _spread(matched: pyarrow.Table, column: str, kind: pyarrow.DataType, count: int) -> pyarrow.Array:
    """The matched rows' values at their places among all rows."""
    mask = numpy.zeros(count, dtype=numpy.bool_)
    mask[matched.column("place").to_numpy()] = True
    values = matched.column(column).cast(kind).combine_chunks()
    return pyarrow.compute.replace_with_mask(pyarrow.nulls(count, kind), pyarrow.array(mask), values)


def _attach(found: pyarrow.Table, values: pyarrow.Array, instants: pyarrow.Array) -> pyarrow.Table:
    return found.append_column("outcome", values).append_column("outcome_at", instants.cast(segments.AT))
