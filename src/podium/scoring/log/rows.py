"""What decisions add to the prediction log, and the Arrow batches that they become."""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from podium.bundle import columns
from podium.bundle import grid as grids
from podium.bundle.columns import NULL_TEXT
from podium.bundle.grid import Grid
from podium.core import prediction
from podium.core.review import Band
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
_OF_ROUTE = {
    "endpoint": _TEXT,
    "model": _TEXT,
    "version": _WHOLE,
    "digest": _TEXT,
    "role": _TEXT,
    "rollout": _WHOLE,
    "threshold": _REAL,
}
_KEPT_ROWS, _KEPT_SOURCES = 16_384, 8
_kept: dict[int, tuple[object, dict[str, pa.Array]]] = {}


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
    review: Band | None = None
    """Scores that are referred to a person instead of being decided."""


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
    said = _shared(sources, counts)
    values = {
        **said,
        "prediction_id": _texts([part.prediction_ids for part in parts]),
        "request_id": _texts([part.request_ids for part in parts]),
        "at": pa.array(np.repeat([part.at_us for part in parts], counts), type=AT),
        "key": _texts([part.keys for part in parts]),
        "score": pa.array(scores),
        "decision": _decided(scores, [source.threshold for source in sources], counts),
    }
    if any(source.review is not None for source in sources):
        values["decision"] = _left_open(values["decision"], scores, sources, counts)
    arrays = [values[name] for name in prediction.COLUMNS]
    arrays += _features(parts[0].source.signature, rows)
    return pa.RecordBatch.from_arrays(arrays, schema=of)


def _shared(sources: Sequence[Source], counts: Sequence[int]) -> dict[str, pa.Array]:
    """The columns whose values are those of the route. Long ones are kept for each route, and cut to length."""
    total = sum(counts)
    if total <= _KEPT_ROWS and all(source is sources[0] for source in sources):
        kept = _kept.get(id(sources[0]))
        if kept is None or kept[0] is not sources[0]:
            if len(_kept) >= _KEPT_SOURCES:
                _kept.clear()
            kept = _kept[id(sources[0])] = (sources[0], _spread(sources[:1], [_KEPT_ROWS]))
        return {name: array.slice(0, total) for name, array in kept[1].items()}
    return _spread(sources, counts)


def _spread(sources: Sequence[Source], counts: Sequence[int]) -> dict[str, pa.Array]:
    """Each value as often as its part has rows."""
    found = {}
    for name, kind in _OF_ROUTE.items():
        values = [getattr(source, name) for source in sources]
        if len(set(values)) == 1:
            found[name] = pa.repeat(pa.scalar(values[0], type=kind), sum(counts))
        else:
            spread = [value for value, count in zip(values, counts, strict=True) for _ in range(count)]
            found[name] = pa.array(spread, type=kind)
    return found


def _features(signature: Signature, rows: Grid) -> list[pa.Array]:
    """The features' arrays in the signature's order, nulls as nulls: slices of one buffer of values, one of bits."""
    count = len(rows)
    numbers = np.ascontiguousarray(rows.numbers.T)
    null = np.isnan(numbers)
    nulls = null.sum(axis=1).tolist()
    bits = np.packbits(~null, axis=1, bitorder="little") if any(nulls) else np.empty((len(nulls), 0), dtype=np.uint8)
    values, known, width = pa.py_buffer(numbers), pa.py_buffer(bits), bits.shape[1]
    texts = iter(rows.texts.T.tolist())
    at = 0
    arrays = []
    for field in signature.features:
        if field.type is FieldType.TEXT:
            arrays.append(_text(next(texts)))
            continue
        valid = known.slice(at * width, width) if nulls[at] else None
        if field.type is FieldType.NUMBER:
            data = values.slice(at * count * 8, count * 8)
            arrays.append(pa.Array.from_buffers(_REAL, count, [valid, data], nulls[at]))
        else:
            arrays.append(_whole(field.type, numbers[at], null[at] if nulls[at] else None))
        at += 1
    return arrays


def _whole(kind: FieldType, values: npt.NDArray[np.float64], null: npt.NDArray[np.bool_] | None) -> pa.Array:
    known = values if null is None else np.where(null, 0.0, values)
    return pa.array(known.astype(np.bool_ if kind is FieldType.BOOLEAN else np.int64), mask=null)


def _text(values: list[str]) -> pa.Array:
    if NULL_TEXT in values:
        return pa.array([None if value == NULL_TEXT else value for value in values], type=_TEXT)
    return pa.array(values, type=_TEXT)


def _texts(lists: Sequence[Sequence[str]]) -> pa.Array:
    return pa.array(lists[0] if len(lists) == 1 else [item for part in lists for item in part], type=_TEXT)


def _decided(scores: npt.NDArray[np.float64], thresholds: Sequence[float | None], counts: Sequence[int]) -> pa.Array:
    if len(thresholds) == 1 and thresholds[0] is not None:
        return pa.array(scores >= thresholds[0])
    known = np.repeat([np.inf if threshold is None else threshold for threshold in thresholds], counts)
    if None not in thresholds:
        return pa.array(scores >= known)
    return pa.array(scores >= known, mask=np.repeat([threshold is None for threshold in thresholds], counts))


def _left_open(
    decided: pa.Array, scores: npt.NDArray[np.float64], sources: Sequence[Source], counts: Sequence[int]
) -> pa.Array:
    """The decisions, null where a person decides."""
    bands = [
        (np.inf, -np.inf) if source.review is None else (source.review.low, source.review.high) for source in sources
    ]
    low, high = (np.repeat(ends, counts) for ends in zip(*bands, strict=True))
    return pc.if_else(pa.array((scores >= low) & (scores < high)), None, decided)


def referred(scores: Sequence[float], bands: Sequence[Band | None]) -> list[bool]:
    """Which rows a person decides: those whose score lies in their version's band."""
    return [band is not None and band.refers(score) for score, band in zip(scores, bands, strict=True)]


def without(chosen: Sequence[bool | None], gone: Sequence[bool]) -> list[bool | None]:
    """The decisions without those of the rows that a person decides."""
    return [None if each else decision for decision, each in zip(chosen, gone, strict=True)]


def decisions(scores: Sequence[float], thresholds: Sequence[float | None]) -> list[bool | None]:
    """Act or not: score ≥ threshold; None where there is no threshold."""
    return [
        None if threshold is None else score >= threshold for score, threshold in zip(scores, thresholds, strict=True)
    ]
