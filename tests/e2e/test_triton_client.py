"""Triton's own client, unmodified, over HTTP and gRPC, against a real scorer."""

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import psutil
import pyarrow as pa
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_aio
import tritonclient.http as triton_http
from grpc import aio
from tritonclient.utils import InferenceServerException

from podium.scoring.protocols import arrow
from podium.scoring.protocols.grpc import messages
from podium.version import VERSION
from tests import scoring_kit as kit
from tests.patience import until

SCORES = [0.2994328575, 0.8859981312, 0.5744425168]
FLIGHTS = np.array(["UA1", "é2", ""], dtype=object)
DISTANCES = np.array(kit.ROWS["distance"])
HOURS = np.array(kit.ROWS["hour"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scorer")
    kit.prepare(made)
    return made


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Iterator[kit.Process]:
    with kit.Process(folder, grpc_port=0) as process:
        yield process


@pytest.fixture
def http(scorer: kit.Process) -> Iterator[Any]:
    with triton_http.InferenceServerClient(scorer.url.removeprefix("http://")) as client:
        yield client


@pytest.fixture
def rpc(scorer: kit.Process) -> Iterator[Any]:
    with triton_grpc.InferenceServerClient(scorer.grpc) as client:
        yield client


CLIENTS = pytest.mark.parametrize(("kind", "module"), [("http", triton_http), ("rpc", triton_grpc)])


def inputs(module: Any, **options: Any) -> list[Any]:
    """Tensors of three rows: a column of numbers, one of whole numbers as a matrix [n, 1], and the key as text."""
    given = {"distance": DISTANCES, "hour": HOURS.reshape(-1, 1), "flight": FLIGHTS}
    kinds = {"distance": "FP64", "hour": "INT64", "flight": "BYTES"}
    made = []
    for name, data in given.items():
        made.append(module.InferInput(name, list(data.shape), kinds[name]))
        made[-1].set_data_from_numpy(data, **options)
    return made


@CLIENTS
def test_health_and_metadata(kind: str, module: Any, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(kind)
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(kit.ENDPOINT)
    assert client.is_model_ready(kit.ENDPOINT, "1")
    as_json = {} if module is triton_http else {"as_json": True}
    server = client.get_server_metadata(**as_json)
    assert server == {"name": "podium", "version": VERSION, "extensions": ["binary_tensor_data"]}
    model = client.get_model_metadata(kit.ENDPOINT, **as_json)
    anything = [-1] if module is triton_http else ["-1"]
    tensors = {(each["name"], each["datatype"]) for each in model["inputs"]}
    assert tensors == {("distance", "FP64"), ("hour", "INT64"), ("flight", "BYTES")}
    assert [each["name"] for each in model["outputs"]] == ["score", "decision", "prediction_id", "version"]
    assert {tuple(each["shape"]) for each in [*model["inputs"], *model["outputs"]]} == {tuple(anything)}
    assert (model["name"], model["versions"], model["platform"]) == (kit.ENDPOINT, ["1"], "podium_onnx")


@pytest.mark.parametrize("binary_in", [False, True])
@pytest.mark.parametrize("outputs", [None, "binary", "json"])
def test_infer_over_http(http: Any, binary_in: bool, outputs: str | None) -> None:
    names = ("version", "score", "prediction_id", "decision")
    wanted = outputs and [triton_http.InferRequestedOutput(name, binary_data=outputs == "binary") for name in names]
    request_id = f"http-{binary_in}-{outputs}"
    answer = http.infer(
        kit.ENDPOINT, inputs(triton_http, binary_data=binary_in), request_id=request_id, outputs=wanted or None
    )
    check(answer, request_id, str)
    assert answer.get_response()["id"] == request_id
    if outputs:
        assert [each["name"] for each in answer.get_response()["outputs"]] == list(names)
    assert ("parameters" in answer.get_output("score")) == (outputs != "json")


def check(answer: Any, request_id: str, text: Any) -> None:
    assert answer.as_numpy("score") == pytest.approx(SCORES, abs=1e-9)
    assert answer.as_numpy("decision").tolist() == [False, True, True]
    assert answer.as_numpy("version").tolist() == [1, 1, 1]
    ids = [text(each if isinstance(each, str) else each.decode()) for each in answer.as_numpy("prediction_id")]
    assert ids == [f"{request_id}/{row}" for row in range(3)]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_are_read(http: Any, algorithm: str) -> None:
    answer = http.infer(kit.ENDPOINT, inputs(triton_http), request_id="z", request_compression_algorithm=algorithm)
    check(answer, "z", str)


def test_infer_over_grpc(rpc: Any) -> None:
    check(rpc.infer(kit.ENDPOINT, inputs(triton_grpc), request_id="rpc"), "rpc", str)
    wanted = [triton_grpc.InferRequestedOutput("score")]
    answer = rpc.infer(kit.ENDPOINT, inputs(triton_grpc), outputs=wanted, compression_algorithm="gzip")
    assert [each.name for each in answer.get_response().outputs] == ["score"]
    assert answer.as_numpy("score") == pytest.approx(SCORES, abs=1e-9)
    assert answer.get_response().id.startswith("req-")


def test_many_calls_at_once_over_grpc(scorer: kit.Process) -> None:
    async def ask() -> list[str]:
        async with triton_aio.InferenceServerClient(scorer.grpc) as client:
            calls = [client.infer(kit.ENDPOINT, inputs(triton_grpc), request_id=f"a-{at}") for at in range(50)]
            for at, answer in enumerate(answers := await asyncio.gather(*calls)):
                check(answer, f"a-{at}", str)
            return [answer.get_response().id for answer in answers]

    assert asyncio.run(ask()) == [f"a-{at}" for at in range(50)]


def test_every_way_in_gives_the_same_bits_and_one_log(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, grpc_port=0) as process:
        scores = [
            kit.output(process.infer(kit.tensors({**kit.ROWS, "flight": FLIGHTS.tolist()}, id="json")).json(), "score")
        ]
        with triton_http.InferenceServerClient(process.url.removeprefix("http://")) as http:
            scores.append(http.infer(kit.ENDPOINT, inputs(triton_http), request_id="binary").as_numpy("score").tolist())
        with triton_grpc.InferenceServerClient(process.grpc) as rpc:
            scores.append(rpc.infer(kit.ENDPOINT, inputs(triton_grpc), request_id="rpc").as_numpy("score").tolist())
        batch = pa.RecordBatch.from_pydict({**kit.ROWS, "flight": FLIGHTS.tolist()})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        for path in (f"/v2/models/{kit.ENDPOINT}/infer", "/invocations", f"/endpoints/{kit.ENDPOINT}/invocations"):
            answer = process.http.post(
                path,
                content=sink.getvalue().to_pybytes(),
                headers={"Content-Type": arrow.MEDIA, "X-Request-Id": f"arrow{path.count('/')}"},
            )
            assert (answer.status_code, answer.headers["content-type"]) == (200, arrow.MEDIA)
            table = pa.ipc.open_stream(answer.content).read_all()
            assert table["decision"].to_pylist() == [False, True, True]
            scores.append(table["score"].to_pylist())
        assert all(each == scores[0] for each in scores)
        text = process.http.get("/metrics").text
        assert 'podium_requests_total{endpoint="delay",status="200"} 6\n' in text
        assert 'podium_predictions_total{endpoint="delay",role="champion",version="1"} 18\n' in text
        process.drain()
        assert process.stop() == 0
    (sealed,) = (tmp_path / "log").glob("*.arrow")
    rows = pa.ipc.open_stream(sealed.read_bytes()).read_all().to_pylist()
    by_request: dict[str, list[Any]] = {}
    for row in rows:
        kept = (row["prediction_id"].split("/")[1], row["key"], row["f.distance"], row["f.hour"], row["score"])
        by_request.setdefault(row["request_id"], []).append(kept)
    assert set(by_request) == {"json", "binary", "rpc", "arrow1", "arrow3", "arrow4"}
    assert all(kept == by_request["json"] for kept in by_request.values())


def test_large_messages_of_nothing_are_read_one_at_a_time(tmp_path: Path) -> None:
    """16 MB of empty tensors are 8 million objects, and each list of short texts is almost as many."""
    kit.prepare(tmp_path)
    tensors = messages.ModelInferRequest(model_name=kit.ENDPOINT).SerializeToString() + b"\x2a\x00" * (7 * 2**20)
    texts = messages.ModelInferRequest(model_name=kit.ENDPOINT)
    for name in ("flight", "hour"):
        texts.inputs.add(name=name, datatype="BYTES", shape=[7 * 2**20])
    texts.inputs[0].contents.bytes_contents.extend([b""] * (7 * 2**20))

    async def ask(address: str) -> list[str]:
        async with aio.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
            call = channel.unary_unary(f"/{messages.INFERENCE}/ModelInfer")

            async def one(data: bytes) -> str:
                try:
                    await call(data, timeout=60)
                except grpc.RpcError as refused:
                    return str(refused.code().name)
                return "OK"

            return list(await asyncio.gather(*(one(data) for data in [tensors, texts.SerializeToString()] * 4)))

    with kit.Process(tmp_path, grpc_port=0, grpc_bytes=2**24) as process:
        before = process.most_memory()
        assert set(asyncio.run(ask(process.grpc))) <= {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
        with triton_grpc.InferenceServerClient(process.grpc) as rpc:
            check(rpc.infer(kit.ENDPOINT, inputs(triton_grpc), request_id="after"), "after", str)
        assert process.most_memory() - before < 768 * 1024 * 1024


def test_many_rows_in_one_request(http: Any, rpc: Any, scorer: kit.Process) -> None:
    """More than is read and scored on the event loop: the same bits by every way."""
    count = 20_000
    distances, hours = np.linspace(0, 3000, count), np.arange(count) % 24
    scores = []
    for client, module in ((http, triton_http), (rpc, triton_grpc)):
        tensors = [module.InferInput("distance", [count], "FP64"), module.InferInput("hour", [count], "INT64")]
        for tensor, data in zip(tensors, (distances, hours), strict=True):
            tensor.set_data_from_numpy(data)
        scores.append(client.infer(kit.ENDPOINT, tensors).as_numpy("score").tolist())
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_arrays([pa.array(hours), pa.array(distances)], names=["hour", "distance"])
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        for start in range(0, count, 5000):
            stream.write_batch(batch.slice(start, 5000))
    headers = {"Content-Type": arrow.MEDIA}
    answer = scorer.http.post(f"/v2/models/{kit.ENDPOINT}/infer", content=sink.getvalue().to_pybytes(), headers=headers)
    scores.append(pa.ipc.open_stream(answer.content).read_all()["score"].to_pylist())
    assert scores[0] == scores[1] == scores[2]
    assert len(scores[0]) == count


@CLIENTS
def test_mistakes_are_told_by_name(kind: str, module: Any, request: pytest.FixtureRequest) -> None:
    client = request.getfixturevalue(kind)
    wide = module.InferInput("distance", [3, 2], "FP64")
    wide.set_data_from_numpy(np.zeros((3, 2)))
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"model_name": "absent", "inputs": inputs(module)}, "404", "NOT_FOUND"),
        ({"model_name": kit.ENDPOINT, "inputs": inputs(module), "model_version": "7"}, "404", "NOT_FOUND"),
        ({"model_name": kit.ENDPOINT, "inputs": inputs(module)[:1]}, "422", "INVALID_ARGUMENT"),
        ({"model_name": kit.ENDPOINT, "inputs": [wide]}, "422", "INVALID_ARGUMENT"),
        (
            {"model_name": kit.ENDPOINT, "inputs": inputs(module), "outputs": [module.InferRequestedOutput("other")]},
            "422",
            "INVALID_ARGUMENT",
        ),
    ]
    for given, http_status, code in wrong:
        with pytest.raises(InferenceServerException) as caught:
            client.infer(**given)
        assert caught.value.status() == (http_status if module is triton_http else f"StatusCode.{code}")
        assert caught.value.message()
    with pytest.raises(InferenceServerException):
        client.get_model_config(kit.ENDPOINT)


def test_a_problem_comes_with_the_status(scorer: kit.Process) -> None:
    with grpc.insecure_channel(scorer.grpc) as channel:
        infer = channel.unary_unary(f"/{messages.INFERENCE}/ModelInfer")
        for body, field in ((b"\xff\xff", "message"), (b"", "model_name")):
            with pytest.raises(grpc.RpcError) as caught:
                infer(body)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert caught.value.details().startswith(f"{field}: ")
            problem = json.loads(dict(caught.value.trailing_metadata())["podium-problem-bin"])
            assert (problem["field"], problem["status"] in (400, 422)) == (field, True)
        with pytest.raises(grpc.RpcError) as caught:
            infer(bytes(2 * 1024 * 1024))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_health_service(scorer: kit.Process) -> None:
    with grpc.insecure_channel(scorer.grpc) as channel:
        ask = channel.unary_unary(
            f"/{messages.HEALTH}/Check",
            request_serializer=messages.HealthCheckRequest.SerializeToString,
            response_deserializer=messages.HealthCheckResponse.FromString,
        )
        for service in ("", messages.INFERENCE):
            assert ask(messages.HealthCheckRequest(service=service)).status == messages.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            ask(messages.HealthCheckRequest(service="other"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        watch = channel.unary_stream(
            f"/{messages.HEALTH}/Watch",
            request_serializer=messages.HealthCheckRequest.SerializeToString,
            response_deserializer=messages.HealthCheckResponse.FromString,
        )
        following = watch(messages.HealthCheckRequest())
        assert next(following).status == messages.HealthCheckResponse.SERVING
        following.cancel()


def test_calls_under_way_are_answered_at_the_end(tmp_path: Path) -> None:
    """SIGTERM under load over gRPC: each call is answered and logged, or was turned away."""
    kit.prepare(tmp_path)
    answered: list[str] = []
    turned_away: list[str] = []
    process = kit.Process(tmp_path, grpc_port=0)

    def ask(caller: int) -> None:
        with triton_grpc.InferenceServerClient(process.grpc) as client:
            for at in range(100_000):
                try:
                    answer = client.infer(kit.ENDPOINT, inputs(triton_grpc), request_id=f"r-{caller}-{at}")
                except InferenceServerException as error:
                    turned_away.append(str(error.status()))
                    return
                answered.append(answer.get_response().id)

    callers = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    with process:
        for caller in callers:
            caller.start()
        until(lambda: len(answered) > 20)
        assert process.stop() == 0
        for caller in callers:
            caller.join(20)
    assert set(turned_away) <= {"StatusCode.UNAVAILABLE"}
    logged = [
        row["request_id"]
        for path in (tmp_path / "log").glob("*.arrow")
        for row in pa.ipc.open_stream(path.read_bytes()).read_all().to_pylist()
        if row["prediction_id"].endswith("/0")
    ]
    assert set(answered) <= set(logged)
    assert len(logged) == len(set(logged))


def test_without_the_option_no_grpc_is_loaded(folder: Path) -> None:
    with kit.Process(folder) as process:
        maps = Path(f"/proc/{process.process.pid}/maps")
        if maps.exists():
            assert "cygrpc" not in maps.read_text()
        assert httpx.get(f"{process.url}/v2/health/live").json() == {"live": True}


def test_harmed_messages_never_harm_the_scorer(scorer: kit.Process) -> None:
    """Every way in: 4xx or INVALID_ARGUMENT with a field, or an answer; no fault of ours, and little memory."""
    chance = random.Random(11)
    batch = pa.RecordBatch.from_pydict({**kit.ROWS, "flight": ["UA1", "UA2", "UA3"]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    tensors = [each._get_tensor() for each in inputs(triton_http)]
    header = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    binary = header + b"".join(each._get_binary_data() for each in inputs(triton_http))
    before = psutil.Process(scorer.process.pid).memory_info().rss
    path = f"/v2/models/{kit.ENDPOINT}/infer"
    seen = Counter[int]()
    for _ in range(150):
        for body, headers in (
            (sink.getvalue().to_pybytes(), {"Content-Type": arrow.MEDIA}),
            (binary, {"Inference-Header-Content-Length": str(len(header))}),
        ):
            answer = scorer.http.post(path, content=harmed(body, chance), headers=headers)
            seen[answer.status_code] += 1
            if answer.status_code != 200:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["field"], answer.text
    assert set(seen) <= {200, 400, 422}
    assert seen[400] + seen[422] > 50
    good = messages.ModelInferRequest(model_name=kit.ENDPOINT)
    for name, kind, data in (("distance", "FP64", DISTANCES.tobytes()), ("hour", "INT64", HOURS.tobytes())):
        good.inputs.add(name=name, datatype=kind, shape=[3])
        good.raw_input_contents.append(data)
    codes = Counter[grpc.StatusCode]()
    details: list[str] = []
    with grpc.insecure_channel(scorer.grpc) as channel:
        infer = channel.unary_unary(f"/{messages.INFERENCE}/ModelInfer")
        for _ in range(150):
            try:
                infer(harmed(good.SerializeToString(), chance))
            except grpc.RpcError as error:
                codes[error.code()] += 1
                details.append(error.details())
    assert all(": " in detail for detail in details)
    assert set(codes) <= {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
    assert scorer.http.get("/v2/health/ready").status_code == 200
    assert psutil.Process(scorer.process.pid).memory_info().rss - before < 50 * 2**20


def harmed(body: bytes, chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
    return bytes(changed[: chance.randrange(len(changed))]) if chance.random() < 0.2 else bytes(changed)
