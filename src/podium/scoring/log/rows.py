"""What decisions add to the prediction log, and the Arrow batches that they become."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import columns
from podium.bundle import grid as grids
from podium.bundle.columns import NULL_TEXT
from podium.bundle.grid import Grid
from podium.core import prediction
from podium.core.signature import FieldType, Signature

_TEXT, _WHOLE, _REAL = pa.string(), pa.int64(), pa.float64()
AT = pa.timestamp("us", tz="UTC")
CORE = pa.schema(
    [
        ("prediction_id", _TEXT),
        ("request_id", _TEXT),
        ("at", AT),
        ("endpoint", _TEXT),
        ("model", _TEXT),
        ("version", _WHOLE),
        ("digest", _TEXT),
        ("role", _TEXT),
        ("rollout", _WHOLE),
        ("key", _TEXT),
        ("score", _REAL),
        ("threshold", _REAL),
        ("decision", pa.bool_()),
    ]
)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What all rows of one route share."""

    endpoint: str
    model: str
    version: int
    digest: str
    role: str
    rollout: int
    threshold: float | None
    signature: Signature


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that one route scored in one call: of one request or of many."""

    source: Source
    at_us: int
    request_ids: Sequence[str]
    """For each row, as are the next four."""
    prediction_ids: Sequence[str]
    keys: Sequence[str]
    scores: npt.NDArray[np.float64]
    grid: Grid

    def __len__(self) -> int:
        return len(self.prediction_ids)


def schema(endpoint: str, signature: Signature) -> pa.Schema:
    """The columns of a segment: `core.prediction.COLUMNS`, then the features in the signature's order."""
    features = columns.arrow_schema(signature)
    return pa.schema([*CORE, *features], metadata={"podium.endpoint": endpoint})


def batch(parts: Sequence[Rows], of: pa.Schema) -> pa.RecordBatch:
    """One record batch of rows that share a schema."""
    counts = [len(part) for part in parts]
    scores = parts[0].scores if len(parts) == 1 else np.concatenate([part.scores for part in parts])
    rows = grids.join([part.grid for part in parts])
    sources = [part.source for part in parts]
    thresholds = [source.threshold for source in sources]
    values = {
        "prediction_id": _texts([part.prediction_ids for part in parts]),
        "request_id": _texts([part.request_ids for part in parts]),
        "at": pa.array(np.repeat([part.at_us for part in parts], counts), type=AT),
        "endpoint": _spread([source.endpoint for source in sources], counts, _TEXT),
        "model": _spread([source.model for source in sources], counts, _TEXT),
        "version": _spread([source.version for source in sources], counts, _WHOLE),
        "digest": _spread([source.digest for source in sources], counts, _TEXT),
        "role": _spread([source.role for source in sources], counts, _TEXT),
        "rollout": _spread([source.rollout for source in sources], counts, _WHOLE),
        "key": _texts([part.keys for part in parts]),
        "score": pa.array(scores),
        "threshold": _spread(thresholds, counts, _REAL),
        "decision": _decided(scores, thresholds, counts),
    }
    arrays = [values[name] for name in prediction.COLUMNS]
    arrays += _features(parts[0].source.signature, rows)
    return pa.RecordBatch.from_arrays(arrays, schema=of)


def _features(signature: Signature, rows: Grid) -> list[pa.Array]:
    """The features' arrays in the signature's order, nulls as nulls."""
    numbers = np.ascontiguousarray(rows.numbers.T)
    null = np.isnan(numbers)
    some = np.asarray(null.any(axis=1))
    texts = rows.texts.T
    at_number = at_text = 0
    arrays = []
    for field in signature.features:
        if field.type is FieldType.TEXT:
            arrays.append(_text(texts[at_text].tolist()))
            at_text += 1
        else:
            arrays.append(_number(field.type, numbers[at_number], null[at_number] if some[at_number] else None))
            at_number += 1
    return arrays


def _number(kind: FieldType, values: npt.NDArray[np.float64], null: npt.NDArray[np.bool_] | None) -> pa.Array:
    if kind is FieldType.NUMBER:
        return pa.array(values, mask=null)
    known = values if null is None else np.where(null, 0.0, values)
    return pa.array(known.astype(np.bool_ if kind is FieldType.BOOLEAN else np.int64), mask=null)


def _text(values: list[str]) -> pa.Array:
    if NULL_TEXT in values:
        return pa.array([None if value == NULL_TEXT else value for value in values], type=_TEXT)
    return pa.array(values, type=_TEXT)


def _texts(lists: Sequence[Sequence[str]]) -> pa.Array:
    return pa.array(lists[0] if len(lists) == 1 else [item for part in lists for item in part], type=_TEXT)


def _decided(scores: npt.NDArray[np.float64], thresholds: Sequence[float | None], counts: Sequence[int]) -> pa.Array:
    known = np.repeat([np.inf if threshold is None else threshold for threshold in thresholds], counts)
    if None not in thresholds:
        return pa.array(scores >= known)
    return pa.array(scores >= known, mask=np.repeat([threshold is None for threshold in thresholds], counts))


def decisions(scores: Sequence[float], thresholds: Sequence[float | None]) -> list[bool | None]:
    """Act or not: score ≥ threshold; None where there is no threshold."""
    return [
        None if threshold is None else score >= threshold for score, threshold in zip(scores, thresholds, strict=True)
    ]


def _spread(values: Sequence[Any], counts: Sequence[int], kind: pa.DataType) -> pa.Array:
    """Each value as often as its part has rows."""
    if len(set(values)) == 1:
        return pa.repeat(pa.scalar(values[0], type=kind), sum(counts))
    return pa.array([value for value, count in zip(values, counts, strict=True) for _ in range(count)], type=kind)
