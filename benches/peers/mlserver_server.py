"""MLServer with its default settings: its scikit-learn runtime, or a runtime of three lines over ONNX Runtime.

Adaptive batching of up to 64 requests within 2 ms where asked.
"""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import given
import given_onnx
import given_sklearn
import joblib
import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Onnx(MLModel):
    """The ONNX model over the named tensors of a request."""

    async def load(self) -> bool:
        files = Path(self.settings.parameters.uri)
        names = given.described(files)
        self._numbers, self._texts = names["numbers"], names["texts"]
        self._session = given_onnx.session(files)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        by_name = {each.name: each.data.root for each in payload.inputs}
        numbers = np.column_stack([np.array(by_name[name], dtype=np.float64).ravel() for name in self._numbers])
        texts = np.column_stack([np.array(by_name[name], dtype=object).ravel() for name in self._texts])
        scores = self._session.run(["score"], {"numbers": numbers, "texts": texts})[0]
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("predict", scores.reshape(-1, 1))]
        )


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def main() -> None:
    options = given.options()
    folder = options.files / f"mlserver-{options.model}-{'batching' if options.batching else 'plain'}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model: dict[str, Any] = {"name": "bench"}
    if options.model == "sklearn":
        joblib.dump(given_sklearn.load(options.files), folder / "model.joblib")
        model |= {
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "content_type": "pd"},
        }
    else:
        model |= {"implementation": "mlserver_server.Onnx", "parameters": {"uri": str(options.files.resolve())}}
    if options.batching:
        model |= {"max_batch_size": 64, "max_batch_time": 0.002}
    (folder / "model-settings.json").write_text(json.dumps(model))
    ports = {"http_port": options.port, "grpc_port": _free_port(), "metrics_port": _free_port()}
    settings = {"host": "127.0.0.1", "debug": False, **ports}
    (folder / "settings.json").write_text(json.dumps(settings))
    given.become("mlserver", ["start", str(folder)])


if __name__ == "__main__":
    main()
