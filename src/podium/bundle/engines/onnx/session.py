"""ONNX Runtime: one thread, and a row's score never depends on the rows beside it."""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from podium.bundle import columns, grid, layout
from podium.bundle.engines import answer
from podium.bundle.engines.onnx import bounded
from podium.core import bundle, errors
from podium.core.errors import Refused

try:
    import onnxruntime as ort
except ModuleNotFoundError:
    raise errors.missing_extra("scorer", "onnxruntime") from None

_ERRORS_ONLY = 3


def session(model: bytes) -> ort.InferenceSession:
    """A session on one thread, that logs errors only and keeps no thread spinning.

    `Refused` when the file cannot be loaded, or what a row says could make a call endless or huge.
    """
    bounded.check(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as problem:
        raise Refused("The engine cannot load this model file.", field=bundle.MODEL) from problem


def run(running: ort.InferenceSession, wanted: list[str] | None, inputs: dict[str, Any]) -> list[Any]:
    """What a session makes of rows; `Invalid` when it fails on them."""
    try:
        found: list[Any] = running.run(wanted, inputs)
    except Exception as problem:  # ONNX Runtime's have no common kind
        raise answer.failed(problem) from problem
    return found


class Scorer:
    """A loaded model file: canonical columns in, float64 scores out."""

    blocking = False
    patience = math.inf
    ready = True

    def __init__(self, model: bytes) -> None:
        self._session = session(model)
        described = self._session.get_modelmeta().custom_metadata_map.get(layout.KEY)
        if described is None:
            raise Refused("The model file does not say how its inputs are laid out.", field=bundle.MODEL)
        self.layout = msgspec.json.decode(described, type=layout.Layout)
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        if layout.SCORE not in outputs:
            raise Refused(f"The model file has no output that is called {layout.SCORE!r}.", field=bundle.MODEL)
        self._outputs = [layout.SCORE]
        self._width = _width(outputs[layout.SCORE])

    def predict(self, table: columns.Columns) -> npt.NDArray[Any]:
        """Scores [n], of several classes [n, classes], of columns as `podium.bundle.columns` makes them.

        Of the type that the model file gives: the runtime makes it float64.
        """
        rows = columns.count(table)
        if rows == 0:
            return self._none()
        inputs = layout.feed(self.layout, table)
        step = self.layout.rows_at_once
        if step == 0 or rows <= step:
            return self._run(inputs, rows)
        parts = [
            self._run({name: value[start : start + step] for name, value in inputs.items()}, min(step, rows - start))
            for start in range(0, rows, step)
        ]
        return np.concatenate(parts)

    def predict_grid(self, rows: grid.Grid) -> npt.NDArray[Any]:
        """Scores, as `predict`, of a grid in the order of this model file's layout, without work for each feature."""
        step = self.layout.rows_at_once
        if step and len(rows) > step:
            parts = [grid.take(rows, slice(at, at + step)) for at in range(0, len(rows), step)]
            return np.concatenate([self.predict_grid(part) for part in parts])
        if len(rows) == 0:
            return self._none()
        inputs: dict[str, Any] = {}
        if self.layout.numbers:
            inputs[layout.NUMBERS] = rows.numbers
        if self.layout.texts:
            inputs[layout.TEXTS] = rows.texts
        return self._run(inputs, len(rows))

    def close(self) -> None:
        """Nothing to end: the session goes with its last reference."""

    def _none(self) -> npt.NDArray[np.float64]:
        return np.empty(0 if self._width == 1 else (0, self._width), dtype=np.float64)

    def _run(self, inputs: dict[str, Any], rows: int) -> npt.NDArray[Any]:
        """Each call's rows are counted: what one part has too few another could have too many."""
        found = run(self._session, self._outputs, inputs)[0]
        if not isinstance(found, np.ndarray) or found.shape[:1] != (rows,):
            raise answer.failed(f"it gives {getattr(found, 'shape', type(found))} for {rows} rows")
        return found.reshape(rows) if found.size == rows else found


def _width(shape: list[Any]) -> int:
    """How many scores a row has by the model file; 1 where that does not say."""
    return shape[-1] if len(shape) > 1 and isinstance(shape[-1], int) else 1
