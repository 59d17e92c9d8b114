"""LitServe: one worker process; batching of up to 64 requests within 2 ms where asked."""

from typing import Any

import given
import litserve


class Api(litserve.LitAPI):
    """One row a request; with batching `predict` gets a list of rows."""

    def setup(self, device: str) -> None:
        self._predict = given.predictor(self.options.files, self.options.model)

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = request["rows"][0]
        return row

    def predict(self, given_rows: Any) -> Any:
        return self._predict(given_rows) if self.options.batching else self._predict([given_rows])[0]

    def batch(self, inputs: list[Any]) -> list[Any]:
        return list(inputs)

    def unbatch(self, output: list[float]) -> list[float]:
        return output

    def encode_response(self, output: float) -> dict[str, list[float]]:
        return {"scores": [output]}


def main() -> None:
    options = given.options()
    api = Api(max_batch_size=64, batch_timeout=0.002) if options.batching else Api()
    api.options = options
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=options.port, generate_client_file=False, log_level="warning", num_api_servers=1)


if __name__ == "__main__":
    main()
