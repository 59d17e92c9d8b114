"""What a training function is given besides the training rows."""

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy
import numpy.typing
import pandas


class Rows(NamedTuple):
    """Features by column (numbers, integers and booleans are float64 with NaN; text is `str` or NaN) and target."""

    features: pandas.DataFrame
    target: numpy.typing.NDArray[numpy.float64]


class Context:
    """`params` and `seed` of the run, and the `validation` rows, for early stopping; they choose the threshold too."""

    def __init__(
        self,
        params: Mapping[str, bool | int | float | str],
        seed: int,
        validation: Rows,
        tell: Callable[[float, str], None],
    ) -> None:
        self.params = dict(params)
        self.seed = seed
        self.validation = validation
        self._tell = tell

    def progress(self, fraction: float, message: str = "") -> None:
        """Say how far along training is, from 0 to 1."""
        self._tell(min(max(fraction, 0.0), 1.0), message)


def fix_randomness(seed: int) -> None:
    """Seed the generators that code may use without asking."""
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
