"""Models of several classes: what decides, what is logged, and what is answered beside the score."""

import functools
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from podium.bundle.grid import Grid
from podium.core import class_rules
from podium.core.signature import Field, FieldType, Signature

PREDICTED, PROBABILITY = class_rules.PREDICTED, class_rules.PROBABILITY
Chances = npt.NDArray[np.float64]
"""The probability of each class, in the signature's order. [rows, classes]"""


class Classed(NamedTuple):
    """What is said of the classes of some rows."""

    labels: tuple[str, ...]
    chances: Chances

    def part(self, rows: slice) -> "Classed":
        """Some of the rows."""
        return Classed(self.labels, self.chances[rows])

    def predicted(self) -> list[str]:
        """The most probable class of each row; of equals the first."""
        return [self.labels[place] for place in self.chances.argmax(axis=1).tolist()]

    def columns(self) -> list[tuple[str, list[float]]]:
        """The name under which each class's probability goes out, and its values."""
        return [(PROBABILITY + label, self.chances[:, at].tolist()) for at, label in enumerate(self.labels)]


def top(chances: Chances) -> npt.NDArray[np.float64]:
    """The score: the probability of the most probable class. [rows]"""
    return np.asarray(chances.max(axis=1), dtype=np.float64)


def widened(seen: Grid, chances: Chances) -> Grid:
    """The rows as they are logged: the probabilities stand behind the features' numbers."""
    return Grid(np.concatenate([seen.numbers, chances], axis=1), seen.texts)


@functools.lru_cache(maxsize=64)
def logged(signature: Signature) -> Signature:
    """The columns of the log behind those of every model: the features, then a number for each class."""
    if not signature.labels:
        return signature
    chances = tuple(
        Field(name=PROBABILITY + label, type=FieldType.NUMBER, nullable=False) for label in signature.labels
    )
    return msgspec.structs.replace(signature, features=(*signature.features, *chances))
