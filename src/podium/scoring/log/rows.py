"""What decisions add to the prediction log, and the columns that it has."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.bundle import columns, grid
from podium.core import class_rules
from podium.core.review import Band
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
    grid: grid.Grid
    """With the probabilities of several classes behind the features' numbers."""

    def __len__(self) -> int:
        return len(self.prediction_ids)


def pieces(part: Rows, most: int) -> Iterator[Rows]:
    """The part's rows, so many at a time."""
    if len(part) <= most:
        yield part
        return
    for start in range(0, len(part), most):
        taken = slice(start, start + most)
        yield Rows(
            source=part.source,
            at_us=part.at_us,
            request_ids=part.request_ids[taken],
            prediction_ids=part.prediction_ids[taken],
            keys=part.keys[taken],
            scores=part.scores[taken],
            grid=grid.take(part.grid, taken),
        )


def schema(endpoint: str, signature: Signature) -> pa.Schema:
    """The columns of a segment: `core.prediction.COLUMNS`, then the features in the signature's order, then of several
    classes the probability of each."""
    features = columns.arrow_schema(signature)
    chances = [pa.field(class_rules.PROBABILITY + label, _REAL) for label in signature.labels]
    return pa.schema([*CORE, *features, *chances], metadata={"podium.endpoint": endpoint})


def in_band(scores: npt.NDArray[np.float64], sources: Sequence[Source], counts: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which rows a person decides. [n] `counts`: how many rows each source has, one behind the other."""
    bands = [
        (np.inf, -np.inf) if source.review is None else (source.review.low, source.review.high) for source in sources
    ]
    low, high = (np.repeat(ends, counts) for ends in zip(*bands, strict=True))
    inside: npt.NDArray[np.bool_] = (scores >= low) & (scores < high)
    return inside


def referred(scores: Sequence[float], bands: Sequence[Band | None]) -> list[bool]:
    """Which rows a person decides: those whose score lies in their version's band."""
    return [band is not None and band.refers(score) for score, band in zip(scores, bands, strict=True)]


def without(chosen: Sequence[bool | None], gone: Sequence[bool]) -> list[bool | None]:
    """The decisions without those of the rows that a person decides."""
    return [None if each else decision for decision, each in zip(chosen, gone, strict=True)]


def decided(scores: npt.NDArray[np.float64], threshold: float | None) -> list[bool | None]:
    """As `decisions`, where all rows have one threshold."""
    return [None] * len(scores) if threshold is None else (scores >= threshold).tolist()


def decisions(scores: Sequence[float], thresholds: Sequence[float | None]) -> list[bool | None]:
    """Act or not: score ≥ threshold; None where there is no threshold."""
    return [
        None if threshold is None else score >= threshold for score, threshold in zip(scores, thresholds, strict=True)
    ]
