"""The same rows by each way into a scorer: JSON, OIP's binary tensors, an Arrow stream, gRPC."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from podium.scoring.protocols import arrow
from tests import engine_kit
from tests import scoring_kit as kit

TYPES = {"amount": np.float64, "hour": np.int64, "kind": np.object_, "holiday": np.bool_}
DATATYPES = {"amount": "FP64", "hour": "INT64", "kind": "BYTES", "holiday": "BOOL"}
COLUMNS = {"amount": pa.float64(), "hour": pa.int64(), "kind": pa.string(), "holiday": pa.bool_()}

Answer = list[float] | str
"""The scores; of a refusal its status, as the way has it."""


def sayable(given: Sequence[engine_kit.Row]) -> list[engine_kit.Row]:
    """Rows that every way can say: raw tensors have no null but NaN."""
    return [row | {"kind": row["kind"] or "", "holiday": bool(row["holiday"])} for row in given]


def json(scorer: kit.Process, endpoint: str, given: Sequence[engine_kit.Row]) -> Answer:
    """Tensors in JSON."""
    answer = scorer.infer(engine_kit.tensors(list(given)), endpoint)
    return kit.output(answer.json(), "score") if answer.status_code == 200 else str(answer.status_code)


def arrow_stream(scorer: kit.Process, endpoint: str, given: Sequence[engine_kit.Row]) -> Answer:
    """A stream of Arrow, answered with one."""
    arrays = [pa.array([row[name] for row in given], type=kind) for name, kind in COLUMNS.items()]
    batch = pa.record_batch(arrays, names=list(COLUMNS))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    answer: httpx.Response = scorer.http.post(
        f"/v2/models/{endpoint}/infer",
        content=sink.getvalue().to_pybytes(),
        headers={"Content-Type": arrow.MEDIA},
    )
    if answer.status_code != 200:
        return str(answer.status_code)
    assert answer.headers["content-type"] == arrow.MEDIA
    found: list[float] = pa.ipc.open_stream(answer.content).read_all()["score"].to_pylist()
    return found


def binary(scorer: kit.Process, endpoint: str, given: Sequence[engine_kit.Row]) -> Answer:
    """Raw tensors behind a head of JSON, both ways."""
    with triton_http.InferenceServerClient(scorer.url.removeprefix("http://"), network_timeout=60.0) as client:
        return _by_triton(client, triton_http, endpoint, given)


def grpc(scorer: kit.Process, endpoint: str, given: Sequence[engine_kit.Row]) -> Answer:
    """Raw tensors in a message, both ways."""
    with triton_grpc.InferenceServerClient(scorer.grpc) as client:
        return _by_triton(client, triton_grpc, endpoint, given)


def _by_triton(client: Any, module: Any, endpoint: str, given: Sequence[engine_kit.Row]) -> Answer:
    inputs = []
    for name, kind in TYPES.items():
        values = [np.nan if row[name] is None else row[name] for row in given]
        inputs.append(module.InferInput(name, [len(values)], DATATYPES[name]))
        inputs[-1].set_data_from_numpy(np.array(values, dtype=kind))
    try:
        answer = client.infer(endpoint, inputs)
    except InferenceServerException as refused:
        return str(refused.status())
    found: list[float] = answer.as_numpy("score").tolist()
    return found


OTHERS: dict[str, Callable[[kit.Process, str, Sequence[engine_kit.Row]], Answer]] = {
    "binary": binary,
    "arrow": arrow_stream,
    "grpc": grpc,
}
"""Every way but JSON."""
REFUSED = {"binary": "422", "arrow": "422", "grpc": "StatusCode.INVALID_ARGUMENT"}
"""How each says that the rows are at fault."""
