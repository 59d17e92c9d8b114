"""Rows that came in as arrays, and go to the engine as such."""

import numpy as np
import pyarrow as pa

from podium.bundle import arrow_columns, columns
from podium.core.signature import Signature
from podium.scoring import request


class Tensors(request.Rows, frozen=True, kw_only=True):
    """Rows of a binary form: NumPy arrays of numbers, Arrow arrays of text, lists where a part was JSON."""

    def table(self, signature: Signature) -> columns.Columns:
        """The canonical columns; `Invalid` naming the feature that does not fit."""
        return arrow_columns.of(signature, self.columns)

    def keys(self, name: str) -> list[str]:
        """The rows' keys as text; empty where a row has none."""
        values = self.columns.get(name)
        if isinstance(values, pa.Array) and arrow_columns.plain_text(values, request.LONGEST_KEY):
            found: list[str] = values.to_pylist()
            return found
        if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
            return list(map(str, values.tolist()))
        return request.keys(self, name)
