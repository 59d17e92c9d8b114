"""How a model file takes its columns: which inputs it has, and which features stand in which of them.

Kept in the ONNX file's metadata under `KEY` as JSON, written by the export and read by the runtime.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from podium.core.signature import FieldType, Signature

KEY = "podium.layout"
NUMBERS = "numbers"
"""The input with all numbers, integers and booleans: float64 [n, k]."""
TEXTS = "texts"
"""The input with all texts: string [n, m]."""
SCORE = "score"
"""The output: float64 [n, 1]; of several classes [n, classes]."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The features in the order of the two inputs' columns. An input without features is absent."""

    format: int = 1
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    rows_at_once: int = 0
    """Rows a call: 0 any number, 1 one at a time (where the engine's sums would depend on the batch)."""
    fused: bool = False
    """Whether the fused form of the model gave ONNX Runtime's bits on all rows of the export, and on odd ones."""


def of(signature: Signature) -> Layout:
    """The layout of a signature's features, in its order."""
    text = tuple(field.name for field in signature.features if field.type is FieldType.TEXT)
    return Layout(numbers=tuple(field.name for field in signature.features if field.name not in text), texts=text)


def feed(layout: Layout, columns: dict[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
    """The inputs of a call from canonical columns."""
    inputs: dict[str, npt.NDArray[np.generic]] = {}
    if layout.numbers:
        first = columns[layout.numbers[0]]
        numbers = np.empty((len(first), len(layout.numbers)), dtype=np.float64)
        for index, name in enumerate(layout.numbers):
            numbers[:, index] = columns[name]
        inputs[NUMBERS] = numbers
    if layout.texts:
        texts = np.empty((len(columns[layout.texts[0]]), len(layout.texts)), dtype=object)
        for index, name in enumerate(layout.texts):
            texts[:, index] = columns[name]
        inputs[TEXTS] = texts
    return inputs
