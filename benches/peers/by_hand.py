"""FastAPI by hand: what many teams write themselves. uvicorn with uvloop and httptools, one worker."""

from typing import Any

import fastapi
import given
import uvicorn


def main() -> None:
    options = given.options()
    predict = given.predictor(options.files, options.model)
    app = fastapi.FastAPI()

    @app.post("/predict")
    async def answer(body: dict[str, Any]) -> dict[str, list[float]]:
        return {"scores": predict(body["rows"])}

    uvicorn.run(app, port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
