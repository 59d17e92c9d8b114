"""What a dataset version holds, column by column."""

from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from podium.core import dataset

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_TOP = 20
_SHOWN = 200
"""Characters of a frequent value that are kept."""


def profile(path: Path) -> tuple[dataset.Column, ...]:
    """Profile every column of a canonical Parquet file, one in memory at a time."""
    with pyarrow.parquet.ParquetFile(path) as file:
        return tuple(column(name, file.read(columns=[name]).column(0)) for name in file.schema_arrow.names)


def of_table(table: pyarrow.Table) -> tuple[dataset.Column, ...]:
    """Profile every column of a table with canonical types."""
    return tuple(column(name, values) for name, values in zip(table.column_names, table.columns, strict=True))


def column(name: str, values: pyarrow.ChunkedArray) -> dataset.Column:
    """One column's profile. Of instants and dates, minimum and maximum are microseconds since 1970; infinite numbers
    count as rows but in no statistic.
    """
    found: dict[str, Any] = {
        "nulls": values.null_count,
        "distinct": pyarrow.compute.count_distinct(values, mode="only_valid").as_py(),
    }
    kind = values.type
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind):
        found |= _numbers(values)
    elif pyarrow.types.is_temporal(kind):
        found |= _instants(values)
    else:
        found |= {"top": _top(values)}
    return dataset.Column(name=name, type=str(kind), **found)


def _numbers(values: pyarrow.ChunkedArray) -> dict[str, Any]:
    array = values.drop_null().cast(pyarrow.float64(), safe=False).to_numpy()
    array = array[numpy.isfinite(array)]
    if array.size == 0:
        return {}
    mean, deviation = _moments(array)
    return {
        "minimum": float(array.min()),
        "maximum": float(array.max()),
        "mean": mean,
        "deviation": deviation,
        "quantiles": tuple(float(value) for value in numpy.quantile(array, QUANTILES, method="inverted_cdf")),
    }


def _moments(array: Any) -> tuple[float | None, float | None]:
    """Mean and population deviation; null where they leave the range of a float64."""
    with numpy.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(array.mean()), float(array.std())
    return (mean if numpy.isfinite(mean) else None), (deviation if numpy.isfinite(deviation) else None)


def _instants(values: pyarrow.ChunkedArray) -> dict[str, Any]:
    micros = values.cast(pyarrow.timestamp("us", "UTC")).cast(pyarrow.int64())
    low, high = pyarrow.compute.min_max(micros).values()
    if low.as_py() is None:
        return {}
    return {"minimum": float(low.as_py()), "maximum": float(high.as_py())}


def _top(values: pyarrow.ChunkedArray) -> tuple[tuple[str, int], ...]:
    counted = pyarrow.compute.value_counts(values.drop_null())
    texts = counted.field("values").cast(pyarrow.string())
    table = pyarrow.table({"value": texts, "count": counted.field("counts")})
    order = pyarrow.compute.select_k_unstable(
        table, k=min(_TOP, table.num_rows), sort_keys=[("count", "descending"), ("value", "ascending")]
    )
    return tuple((row["value"][:_SHOWN], row["count"]) for row in table.take(order).to_pylist())
