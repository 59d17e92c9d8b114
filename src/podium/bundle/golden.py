"""Golden rows: real rows and the original model's scores, against which every form of the model is checked."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import columns
from podium.core import bundle
from podium.core.errors import Invalid, Refused
from podium.core.signature import FieldType, Signature

EXPECTED = "expected"
ROWS = 256


def choose(signature: Signature, table: columns.Columns, rows: int = ROWS) -> npt.NDArray[np.int64]:
    """Positions of at most that many rows, ascending and always the same for the same rows.

    For each feature first the smallest and largest value, a null, and the rarest categories; then an even sample.
    """
    total = columns.count(table)
    chosen: dict[int, None] = {}
    for field in signature.features:
        for position in _telling(table[field.name], is_text=field.type is FieldType.TEXT):
            chosen.setdefault(position)
    telling = list(chosen)[: rows // 2]
    spread = (
        np.unique(np.linspace(0, max(total - 1, 0), num=min(total, rows)).astype(np.int64)).tolist() if total else []
    )
    keep = dict.fromkeys(telling)
    room = rows - len(keep)
    rest = [position for position in spread if position not in keep]
    step = max(len(rest) / room, 1.0) if room else 1.0
    keep |= dict.fromkeys(rest[int(index * step)] for index in range(min(room, len(rest))))
    return np.array(sorted(keep), dtype=np.int64)


def _telling(column: npt.NDArray[np.generic], *, is_text: bool) -> list[int]:
    if is_text:
        values, first, counts = np.unique(column.astype(str), return_index=True, return_counts=True)
        rare = np.argsort(counts, kind="stable")[:3].tolist()
        return [int(first[index]) for index in rare] + [int(at) for at in first[values == columns.NULL_TEXT]]
    null = np.isnan(column.astype(np.float64))
    found = [int(null.argmax())] if null.any() else []
    if not null.all():
        found += [int(np.nanargmin(column.astype(np.float64))), int(np.nanargmax(column.astype(np.float64)))]
    return found


def encode(signature: Signature, table: columns.Columns, expected: npt.NDArray[np.float64]) -> bytes:
    """The bytes of `golden.arrow`: the features, then `expected` (a number, or a list of one for each class).

    The same rows give the same bytes.
    """
    if EXPECTED in table:
        raise Invalid("A feature may not have this name.", field=EXPECTED, fix="Rename the column.")
    whole = columns.to_arrow(signature, table, prefix="").append_column(EXPECTED, _column(expected))
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, whole.schema) as writer:
        writer.write_table(whole)
    return sink.getvalue()


def decode(signature: Signature, data: bytes) -> tuple[columns.Columns, npt.NDArray[np.float64]]:
    """The columns and the expected scores in those bytes."""
    try:
        whole = pa.ipc.open_file(pa.BufferReader(data)).read_all()
        whole.validate(full=True)
        expected = _array(whole.column(EXPECTED))
    except (pa.ArrowInvalid, KeyError, AttributeError):
        raise Invalid("These are not golden rows.", field=bundle.GOLDEN) from None
    return columns.from_arrow(signature, whole), expected


def _column(expected: npt.NDArray[np.float64]) -> pa.Array:
    if expected.ndim == 1:
        return pa.array(expected, type=pa.float64())
    return pa.FixedSizeListArray.from_arrays(pa.array(expected.reshape(-1), type=pa.float64()), expected.shape[1])


def _array(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    if not pa.types.is_fixed_size_list(column.type):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    values = column.combine_chunks().flatten().to_numpy()
    return np.asarray(values, dtype=np.float64).reshape(-1, column.type.list_size)


def read(folder: Path, signature: Signature) -> tuple[columns.Columns, npt.NDArray[np.float64]]:
    """The golden rows of a bundle."""
    return decode(signature, (folder / bundle.GOLDEN).read_bytes())


def difference(
    folder: Path, manifest: bundle.Manifest, predict: Callable[[columns.Columns], npt.NDArray[np.float64]]
) -> float:
    """The largest absolute difference between the golden rows' scores and those that `predict` gives."""
    table, expected = read(folder, manifest.signature)
    found = predict(table)
    if len(found) == 0 or found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max())


def check(
    folder: Path, manifest: bundle.Manifest, predict: Callable[[columns.Columns], npt.NDArray[np.float64]]
) -> float:
    """The largest difference; `Refused` if over the tolerance that the bundle's parity proof names."""
    worst = difference(folder, manifest, predict)
    if not worst <= manifest.parity.tolerance:
        raise Refused(
            f"The model answers its golden rows differently: by {worst:.3g}, allowed {manifest.parity.tolerance:.3g}.",
            field=bundle.GOLDEN,
            fix="Export and package the model again on this platform.",
        )
    return worst
