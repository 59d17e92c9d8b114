"""BentoML: one worker; adaptive batching of up to 64 requests where asked."""

import os
from pathlib import Path
from typing import Any

import bentoml
import given

_FILES, _MODEL = Path(os.environ.get("BENCH_FILES", ".")), os.environ.get("BENCH_MODEL", "onnx")


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 1000})
class Plain:
    """Each request by itself."""

    def __init__(self) -> None:
        self._predict = given.predictor(_FILES, _MODEL)

    @bentoml.api
    def predict(self, rows: list[dict[str, Any]]) -> list[float]:
        return self._predict(rows)


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 1000})
class Batching:
    """Requests that come together are scored together."""

    def __init__(self) -> None:
        self._predict = given.predictor(_FILES, _MODEL)

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    def predict(self, rows: list[dict[str, Any]]) -> list[float]:
        return self._predict(rows)


def main() -> None:
    options = given.options()
    os.environ |= {"BENCH_FILES": str(options.files), "BENCH_MODEL": options.model}
    name = "Batching" if options.batching else "Plain"
    where = ["--host", "127.0.0.1", "--port", str(options.port), "--working-dir", str(given.HERE)]
    given.become("bentoml", ["serve", f"bentoml_server:{name}", *where, "--api-workers", "1"])


if __name__ == "__main__":
    main()
