"""A model file run as one program over columns, in C: the bits of ONNX Runtime's answers without its cost a call.

What a call of ONNX Runtime costs beside the arithmetic (texts made anew, a tensor for each operator) is most of what
one row costs, and half of what a hundred do.
"""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from podium.bundle import columns, grid, layout
from podium.bundle.engines.onnx import ensemble, file, unrolled
from podium.core import bundle, native
from podium.core.errors import Refused

Unsupported = ensemble.Unsupported


class Scorer:
    """A loaded model file: canonical columns in, float64 scores out. It holds the interpreter while that is short."""

    blocking = False
    patience = math.inf
    ready = True

    def __init__(self, read: file.File) -> None:
        self.layout = described(read)
        made, self._width = unrolled.unroll(read, self.layout)
        part = native.part(native.FUSED)
        if part is None:
            raise Unsupported("anything without the part in C")
        self._program: Any = part.Program(
            width=len(self.layout.numbers), depth=len(self.layout.texts), **made._asdict()
        )

    def predict(self, table: columns.Columns) -> npt.NDArray[np.float64]:
        """Scores [n], of several classes [n, classes], of columns as `podium.bundle.columns` makes them."""
        return self.predict_grid(grid.of(grid.Order(self.layout.numbers, self.layout.texts), table))

    def predict_grid(self, rows: grid.Grid) -> npt.NDArray[np.float64]:
        """Scores, as `predict`, of a grid in the order of this model file's layout."""
        scores = np.empty(len(rows) if self._width == 1 else (len(rows), self._width), dtype=np.float64)
        self._program.score(np.ascontiguousarray(rows.numbers), np.ascontiguousarray(rows.texts), scores)
        return scores

    def close(self) -> None:
        """Nothing to end: the program goes with its last reference."""


def described(read: file.File) -> layout.Layout:
    """How the model file's inputs are laid out."""
    said = read.metadata.get(layout.KEY)
    if said is None:
        raise Refused("The model file does not say how its inputs are laid out.", field=bundle.MODEL)
    return msgspec.json.decode(said, type=layout.Layout)
