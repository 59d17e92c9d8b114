"""Between pandas tables, in which models are trained, and the canonical columns, in which they are scored."""

import numpy as np
import pandas as pd

from podium.bundle import columns
from podium.core.signature import Signature


def table(signature: Signature, rows: pd.DataFrame) -> columns.Columns:
    """The canonical columns of a pandas table (any dtypes; categories count as their values)."""
    arrays = {}
    for field in signature.features:
        if field.name in rows.columns:
            series = rows[field.name]
            kind = series.dtype
            plain = isinstance(kind, np.dtype) and kind.kind in "biuf"
            arrays[field.name] = series.to_numpy() if plain else _objects(series)
    return columns.from_numpy(signature, arrays)


def frame(signature: Signature, values: columns.Columns) -> pd.DataFrame:
    """The table to train on: float64 with NaN for numbers, integers, booleans; object with NaN for null in text."""
    return pd.DataFrame(
        {
            field.name: pd.Series(_shown(values[field.name]), dtype=values[field.name].dtype)
            for field in signature.features
        }
    )


def _objects(series: "pd.Series[str]") -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    result = series.astype(object).to_numpy().copy()
    result[series.isna().to_numpy()] = None
    return result


def _shown(column: np.ndarray[tuple[int], np.dtype[np.generic]]) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    if column.dtype != object:
        return column
    shown = column.copy()
    shown[shown == columns.NULL_TEXT] = np.nan
    return shown
