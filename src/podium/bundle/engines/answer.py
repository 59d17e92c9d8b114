"""What an engine gives, whatever its model says: float64, exactly one score a row, of several classes one for each."""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt

from podium.core.errors import Invalid

_LOG = logging.getLogger("podium.engine")
_DOUBLE = np.dtype(np.float64)
NUMBERS = "fiub"
"""Kinds of dtype that become float64: floats, integers, booleans."""


def shape(rows: int, classes: int) -> tuple[int, ...]:
    """The shape of an answer; `classes`: 0 where the signature has none."""
    return (rows, classes) if classes else (rows,)


def exact(found: npt.NDArray[Any], rows: int, classes: int) -> npt.NDArray[np.float64]:
    """The answer in float64 and in C order; as it is where it is so already. `Invalid` when it is of another shape.

    Scores are dealt out to rows, and rows to callers, by their place alone: one score less gives a caller another's.
    """
    wanted = shape(rows, classes)
    if found.shape == wanted and found.dtype is _DOUBLE and found.flags.c_contiguous:
        return found
    if found.shape != wanted or found.dtype.kind not in NUMBERS:
        raise failed(f"it gives {found.dtype} of the shape {found.shape}, not numbers of the shape {wanted}")
    return np.ascontiguousarray(found, dtype=_DOUBLE)


def failed(why: object) -> Invalid:
    """What callers are told when the model itself fails; why is for the operator's log, as it may repeat their rows."""
    _LOG.info("a model failed on its rows: %s", why)
    return Invalid("The model fails on these rows.", field="model", fix="Send values like those it was trained on.")
