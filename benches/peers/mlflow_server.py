"""`mlflow models serve`: the scikit-learn flavour or the ONNX flavour, one worker."""

import shutil
from pathlib import Path
from typing import Any

import given
import given_sklearn
import mlflow
import mlflow.models
import mlflow.onnx
import mlflow.sklearn
import numpy as np
import onnx
from mlflow.types import ColSpec, Schema, TensorSpec


def _save(options: Any, target: Path) -> None:
    names = given.described(options.files)
    if options.model == "sklearn":
        kinds = {name: "string" for name in names["texts"]} | {name: "double" for name in names["numbers"]}
        signature = mlflow.models.ModelSignature(inputs=Schema([ColSpec(kinds[name], name) for name in names["all"]]))
        fitted = given_sklearn.load(options.files)
        mlflow.sklearn.save_model(
            fitted, target, signature=signature, pyfunc_predict_fn="predict_proba", pip_requirements=[],
            serialization_format="cloudpickle",
        )  # fmt: skip
        return
    inputs = Schema(
        [
            TensorSpec(np.dtype(np.float64), (-1, len(names["numbers"])), "numbers"),
            TensorSpec(np.dtype(str), (-1, len(names["texts"])), "texts"),
        ]
    )
    mlflow.onnx.save_model(
        onnx.load(options.files / "model.onnx"),
        target,
        signature=mlflow.models.ModelSignature(inputs=inputs),
        onnx_session_options={"intra_op_num_threads": 1, "inter_op_num_threads": 1},
        pip_requirements=[],
    )


def main() -> None:
    options = given.options()
    target = options.files / f"mlflow-{options.model}"
    shutil.rmtree(target, ignore_errors=True)
    _save(options, target)
    where = ["--host", "127.0.0.1", "--port", str(options.port), "--workers", "1"]
    given.become("mlflow", ["models", "serve", "--model-uri", str(target), "--env-manager", "local", *where])


if __name__ == "__main__":
    main()
