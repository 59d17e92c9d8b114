"""What one decision of a request adds to the prediction log, and the Arrow batches that it becomes."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import columns
from podium.core import prediction
from podium.core.signature import Signature

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
    """The rows of one request that one route scored."""

    source: Source
    request_id: str
    at_us: int
    prediction_ids: Sequence[str]
    keys: Sequence[str]
    scores: npt.NDArray[np.float64]
    columns: columns.Columns

    def __len__(self) -> int:
        return len(self.prediction_ids)


def schema(endpoint: str, signature: Signature) -> pa.Schema:
    """The columns of a segment: `core.prediction.COLUMNS`, then the features in the signature's order."""
    features = columns.arrow_schema(signature)
    return pa.schema([*CORE, *features], metadata={"podium.endpoint": endpoint})


def batch(parts: Sequence[Rows], of: pa.Schema) -> pa.RecordBatch:
    """One record batch of rows that share a schema."""
    signature = parts[0].source.signature
    counts = [len(part) for part in parts]
    scores = np.concatenate([part.scores for part in parts])
    thresholds = _spread((part.source.threshold for part in parts), counts)
    merged = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    values: dict[str, list[Any]] = {
        "prediction_id": [item for part in parts for item in part.prediction_ids],
        "request_id": _spread((part.request_id for part in parts), counts),
        "at": _spread((part.at_us for part in parts), counts),
        "endpoint": _spread((part.source.endpoint for part in parts), counts),
        "model": _spread((part.source.model for part in parts), counts),
        "version": _spread((part.source.version for part in parts), counts),
        "digest": _spread((part.source.digest for part in parts), counts),
        "role": _spread((part.source.role for part in parts), counts),
        "rollout": _spread((part.source.rollout for part in parts), counts),
        "key": [item for part in parts for item in part.keys],
        "threshold": thresholds,
        "decision": decisions(scores.tolist(), thresholds),
    }
    arrays = [
        pa.array(scores) if name == "score" else pa.array(values[name], type=field.type)
        for name, field in zip(prediction.COLUMNS, CORE, strict=True)
    ]
    features = columns.to_arrow(signature, merged)
    arrays += [_one(features.column(position)) for position in range(features.num_columns)]
    return pa.RecordBatch.from_arrays(arrays, schema=of)


def decisions(scores: Sequence[float], thresholds: Sequence[float | None]) -> list[bool | None]:
    """Act or not: score ≥ threshold; None where there is no threshold."""
    return [
        None if threshold is None else score >= threshold for score, threshold in zip(scores, thresholds, strict=True)
    ]


def _spread(values: Iterable[Any], counts: Sequence[int]) -> list[Any]:
    spread: list[Any] = []
    for value, count in zip(values, counts, strict=True):
        spread += [value] * count
    return spread


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
