"""Which version decides a row: champion or canary, by a hash, so that the same key always gets the same one."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_SPAN = 2.0**64


def fraction(salt: str, key: str) -> float:
    """Where a key falls in [0, 1): the first 8 bytes (big-endian) of SHA-256(salt + key), divided by 2^64.

    >>> round(fraction("", "UA1545"), 6)
    0.683718
    """
    first = hashlib.sha256((salt + key).encode()).digest()[:8]
    return int.from_bytes(first, "big") / _SPAN


def to_canary(salt: str, weight: float, keys: Sequence[str], prediction_ids: Sequence[str]) -> npt.NDArray[np.bool_]:
    """For each row, whether the canary (with that share of units) decides it; a row without key goes by its id."""
    units = (key or prediction_id for key, prediction_id in zip(keys, prediction_ids, strict=True))
    return np.fromiter((fraction(salt, unit) < weight for unit in units), dtype=np.bool_, count=len(keys))
