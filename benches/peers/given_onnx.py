"""The pipeline in ONNX, on one thread."""

from pathlib import Path
from typing import Any

import given
import numpy as np
import onnxruntime as ort


def session(files: Path) -> Any:
    """The ONNX model on one thread."""
    chosen = ort.SessionOptions()
    chosen.intra_op_num_threads = chosen.inter_op_num_threads = 1
    return ort.InferenceSession(
        (files / "model.onnx").read_bytes(), sess_options=chosen, providers=["CPUExecutionProvider"]
    )


def predictor(files: Path) -> given.Predictor:
    """Records in, scores out."""
    loaded = session(files)
    names = given.described(files)
    numbers, texts = names["numbers"], names["texts"]

    def predict(rows: list[dict[str, Any]]) -> list[float]:
        inputs = {
            "numbers": np.array([[row[name] for name in numbers] for row in rows], dtype=np.float64),
            "texts": np.array([[row[name] for name in texts] for row in rows], dtype=object),
        }
        scores: list[float] = loaded.run(["score"], inputs)[0].reshape(-1).tolist()
        return scores

    return predict
