"""Large requests: they count as under way while anything works on them, one is read at a time, and none for nobody."""

import asyncio
import json
import logging
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc import aio

from podium.core import log_lines, time
from podium.scoring import admission, operate
from podium.scoring.http import limits
from podium.scoring.http.connection import Connection, Shared
from podium.scoring.http.writing import Heads
from podium.scoring.protocols import reader
from podium.scoring.protocols.grpc import messages
from podium.scoring.rpc.server import Server
from podium.scoring.service import Service
from podium.scoring.watch import Watch
from tests import scoring_kit as kit
from tests.e2e.test_grpc_overload import METHOD, PARENT, parts, request
from tests.patience import until

__all__ = ["parts"]
OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def large(
    rows: int, key_bytes: int, name: str = kit.ENDPOINT, columns: tuple[str, ...] = ("distance", "hour")
) -> bytes:
    """A message of typed tensors."""
    made = messages.ModelInferRequest(model_name=name)
    if "distance" in columns:
        made.inputs.add(name="distance", datatype="FP64", shape=[rows]).contents.fp64_contents.extend([1.5] * rows)
    if "hour" in columns:
        made.inputs.add(name="hour", datatype="INT64", shape=[rows]).contents.int64_contents.extend([1] * rows)
    keys = made.inputs.add(name="flight", datatype="BYTES", shape=[rows])
    keys.contents.bytes_contents.extend([b"k" * key_bytes] * rows)
    return bytes(made.SerializeToString())


async def come(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(parts: operate.Parts) -> AsyncIterator[tuple[Service, Any]]:
    """A service, and a channel to it over a real socket."""
    service = Service(parts, asyncio.get_running_loop())
    server = Server(service, 2**24)
    port = await server.start("127.0.0.1", 0)
    try:
        async with aio.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel:
            yield service, channel.unary_unary(METHOD)
    finally:
        await server.stop(1.0)


@asynccontextmanager
async def over_http(parts: operate.Parts) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """A service behind a socket, and who asks it."""
    loop = asyncio.get_running_loop()
    service = Service(parts, loop)
    shared = Shared(service, limits.Limits(), Heads(lambda: time.from_us(kit.NOW)))
    server = await loop.create_server(lambda: Connection(shared), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=60) as client:
        yield service, client


def counted(parts: operate.Parts, status: int, endpoint: str = kit.ENDPOINT) -> float:
    return parts.counts.value("podium_requests_total", endpoint=endpoint, status=str(status))


def test_a_cancelled_call_is_under_way_until_its_turn_and_is_not_read_then(parts: operate.Parts) -> None:
    data = large(2000, 100)
    assert len(data) > reader.LARGE

    async def ask() -> None:
        async with serving(parts) as (service, infer):
            gate, turns = service.tick.gate, service.tick._large._turns
            with turns:
                calls = [infer(data) for _ in range(4)]
                await come(lambda: gate.aside == 4)
                left = gate.limit
                assert left <= admission.MOST_BYTES - 4 * len(data)
                for call in calls[:3]:
                    call.cancel()
                await asyncio.sleep(0.3)
                assert (gate.aside, gate.limit) == (4, left)
            answer = messages.ModelInferResponse.FromString(await calls[3])
            assert answer.outputs[0].shape == [2000]
            assert (gate.requests, gate.bytes, gate.aside, gate.limit) == (0, 0, 0, admission.MOST_BYTES)

    asyncio.run(ask())
    assert (counted(parts, 200), counted(parts, 499)) == (1, 3)
    assert parts.counts.value("podium_predictions_total", endpoint=kit.ENDPOINT, version="1", role="champion") == 2000


def test_whatever_becomes_of_a_call_it_leaves_once(parts: operate.Parts) -> None:
    good, junk = large(2000, 100), b"\xff" * (reader.LARGE + 1)
    sent = {
        "small": (request(), "OK"),
        "large": (good, "OK"),
        "small junk": (b"\xff\xff", "INVALID_ARGUMENT"),
        "large junk": (junk, "INVALID_ARGUMENT"),
        "large junk behind a name": (b"\x0a\x05delay\x2a\x82\x80\x10" + b"\xff" * 2**18, "INVALID_ARGUMENT"),
        "no name": (b"", "INVALID_ARGUMENT"),
        "large, no name": (large(2000, 100, name=""), "INVALID_ARGUMENT"),
        "nowhere": (large(1, 1, name="absent"), "NOT_FOUND"),
        "large, nowhere": (large(2000, 100, name="absent"), "NOT_FOUND"),
        "wrong": (large(1, 1, columns=("hour",)), "INVALID_ARGUMENT"),
        "large, wrong": (large(2000, 100, columns=("hour",)), "INVALID_ARGUMENT"),
    }

    async def ask() -> None:
        async with serving(parts) as (service, infer):
            gate = service.tick.gate
            for what, (data, code) in sent.items():
                call = infer(data)
                assert (await call.code()).name == code, what
                assert (gate.requests, gate.bytes, gate.aside) == (0, 0, 0), what
            for data in (request(), good):
                for patience in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05) * 3:
                    call = infer(data)
                    await asyncio.sleep(patience)
                    call.cancel()
            await asyncio.sleep(0.2)
            await come(lambda: gate.requests + gate.aside <= 0)
            assert (gate.requests, gate.bytes, gate.aside) == (0, 0, 0)
            gate.requests, gate.limit = admission.ALWAYS, 0.0
            for data in (request(), good, junk, b"\xff\xff"):
                call = infer(data)
                assert (await call.code()) is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert (gate.requests, gate.bytes) == (admission.ALWAYS, 0)

    asyncio.run(ask())
    assert (counted(parts, 429), counted(parts, 429, "")) == (1, 3)


def test_a_call_refused_for_overload_is_no_failure(parts: operate.Parts, caplog: pytest.LogCaptureFixture) -> None:
    followed = parts._replace(watch=Watch(1.0))

    async def ask() -> None:
        async with serving(followed) as (service, infer):
            service.tick.gate.requests, service.tick.gate.limit = admission.ALWAYS, 0.0
            with pytest.raises(aio.AioRpcError) as caught:
                await infer(request(), metadata=(("traceparent", PARENT),))
            assert caught.value.details() == "The scorer has more to do than it can. Send it again later."
            trailers = dict(caught.value.trailing_metadata())
            assert json.loads(trailers["podium-problem-bin"])["status"] == 429
            assert trailers["traceresponse"].split("-")[1] == PARENT.split("-")[1]
            service.tick.gate.requests, service.tick.gate.limit = 0, float(admission.MOST_BYTES)
            with service.tick._large._turns:
                call = infer(large(2000, 100))
                await come(lambda: service.tick.gate.aside)
                call.cancel()
                await asyncio.sleep(0.2)
            await come(lambda: not service.tick.gate.aside)

    with caplog.at_level(logging.INFO):
        asyncio.run(ask())
    said = [getattr(record, log_lines.FIELDS) for record in caplog.records if record.name == "podium.access"]
    assert [each["status"] for each in said] == ["RESOURCE_EXHAUSTED", "CANCELLED"]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_very_large_body_waits_for_its_turn_and_others_do_not(parts: operate.Parts) -> None:
    """Over HTTP. The scorer has fewer threads than very large bodies wait here."""

    def body(rows: int, blanks: int = 0) -> bytes:
        return json.dumps(kit.tensors({"distance": [1234.5678] * rows, "hour": [7] * rows})).encode() + b" " * blanks

    async def ask() -> None:
        async with over_http(parts) as (service, client):

            def infer(sent: bytes) -> Awaitable[httpx.Response]:
                headers = {"content-type": "application/json"}
                return client.post(f"/v2/models/{kit.ENDPOINT}/infer", content=sent, headers=headers)

            with service.tick._large._turns:
                waiting = [asyncio.ensure_future(infer(body(100, blanks=2**20))) for _ in range(many)]
                await come(lambda: service.tick.gate.aside == many)
                middle = await infer(body(20_000))
                assert (middle.status_code, len(kit.output(middle.json(), "score"))) == (200, 20_000)
                assert service.tick.gate.aside == many
                assert not any(each.done() for each in waiting)
            answers = await asyncio.gather(*waiting)
            assert [each.status_code for each in answers] == [200] * many
            assert (service.tick.gate.requests, service.tick.gate.bytes) == (0, 0)

    many = min(32, (os.cpu_count() or 1) + 4) + 1
    assert reader.LARGE < len(body(20_000)) < 2**20
    asyncio.run(ask())


def test_how_long_a_large_request_takes_says_nothing_of_a_crowd(parts: operate.Parts) -> None:
    body = json.dumps(kit.tensors({"distance": [1234.5678] * 90_000, "hour": [7] * 90_000})).encode()

    async def ask() -> None:
        async with over_http(parts) as (service, client):
            gate = service.tick.gate
            for sent, status in ((body, 200), (body, 200), (body[:-1], 400)):
                answer = await client.post(f"/v2/models/{kit.ENDPOINT}/infer", content=sent)
                assert answer.status_code == status
                assert (gate.requests, gate.bytes, gate.aside, gate.limit) == (0, 0, 0, admission.MOST_BYTES)
            assert gate.usual < 0.01

    asyncio.run(ask())


def test_large_requests_that_are_too_many_are_told_so(parts: operate.Parts) -> None:
    body = json.dumps(kit.tensors({"distance": [1234.5678] * 20_000, "hour": [7] * 20_000})).encode()

    async def ask() -> None:
        async with over_http(parts) as (service, client):
            gate = service.tick.gate
            answers = await asyncio.gather(
                *(client.post(f"/v2/models/{kit.ENDPOINT}/infer", content=body) for _ in range(300))
            )
            told = Counter(answer.status_code for answer in answers)
            assert set(told) <= {200, 429}
            assert told[429] >= 100
            assert told[200] >= admission.FEWEST
            assert gate.refused == told[429]
            assert (gate.requests, gate.bytes, gate.aside) == (0, 0, 0)

    asyncio.run(ask())


def test_what_cancelled_calls_left_is_seen_until_it_is_gone(tmp_path: Path) -> None:
    """14 MB each: whenever the scorer says that nothing is under way, each call that came in has come to its end."""
    kit.prepare(tmp_path)
    data = large(100_000, 125)

    def numbers(process: kit.Process) -> tuple[int, Counter[str]]:
        text = process.http.get("/metrics").text
        active = re.search(r"^http_server_active_requests (\d+)", text, re.MULTILINE)
        assert active is not None
        found = re.findall(r'^podium_requests_total\{endpoint="delay",status="(\d+)"\} (\d+)', text, re.MULTILINE)
        return int(active[1]), Counter({status: int(count) for status, count in found})

    with kit.Process(tmp_path, grpc_port=0, grpc_bytes=2**24) as process:
        with grpc.insecure_channel(process.grpc, OPTIONS) as channel:
            infer = channel.unary_unary(METHOD)
            calls = [infer.future(data, timeout=60) for _ in range(12)]
            until(lambda: numbers(process)[0] >= 5)
            for call in calls:
                call.cancel()
            active, ended = numbers(process)
            came = active + ended.total()
            assert active, "they are still there"
            until(lambda: numbers(process)[0] == 0)
            ended = numbers(process)[1]
            assert ended.total() >= came
            assert ended["499"] >= 3, ended
            assert set(ended) <= {"200", "499"}
            answer = messages.ModelInferResponse.FromString(infer(request(), timeout=30))
            assert answer.outputs[0].name == "score"
        assert process.stop() == 0
