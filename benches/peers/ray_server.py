"""Ray Serve: one replica; batching of up to 64 requests within 2 ms where asked."""

import logging
import time
from pathlib import Path
from typing import Any

import given
import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=1000)
class Plain:
    """Each request by itself."""

    def __init__(self, files: Path, model: str) -> None:
        self._predict = given.predictor(files, model)

    async def __call__(self, request: Request) -> dict[str, list[float]]:
        return {"scores": self._predict((await request.json())["rows"])}


@serve.deployment(num_replicas=1, max_ongoing_requests=1000)
class Batching:
    """Requests that come together are scored together."""

    def __init__(self, files: Path, model: str) -> None:
        self._predict = given.predictor(files, model)

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.002)
    async def _score(self, rows: list[dict[str, Any]]) -> list[float]:
        return self._predict(rows)

    async def __call__(self, request: Request) -> dict[str, list[float]]:
        return {"scores": [await self._score((await request.json())["rows"][0])]}


def main() -> None:
    options = given.options()
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        logging_level=logging.WARNING,
        runtime_env={"env_vars": {"PYTHONPATH": str(given.HERE)}},
    )
    serve.start(http_options={"host": "127.0.0.1", "port": options.port}, logging_config={"enable_access_log": False})
    deployment = Batching if options.batching else Plain
    serve.run(deployment.bind(options.files, options.model), name="bench", route_prefix="/predict")
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
