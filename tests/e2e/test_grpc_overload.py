"""Calls over gRPC: one too many is told so at once, as over HTTP; many at once each have their answer and trace."""

import asyncio
import functools
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from grpc import aio

from podium.bundle import signing
from podium.core import log_lines, trace
from podium.scoring import admission, cache, metrics, operate
from podium.scoring.board import Board
from podium.scoring.log.places import Limits
from podium.scoring.log.writer import Writer
from podium.scoring.poll import Poller
from podium.scoring.protocols.grpc import messages
from podium.scoring.rpc import codes
from podium.scoring.rpc.server import Server
from podium.scoring.service import Service
from podium.scoring.shadow.queue import Shadows
from podium.scoring.source import Folder
from podium.scoring.watch import Watch
from tests import scoring_kit as kit

METHOD = f"/{messages.INFERENCE}/ModelInfer"


def clock() -> datetime:
    return datetime.fromtimestamp(kit.NOW / 1e6, UTC)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[operate.Parts]:
    kit.prepare(tmp_path)
    kept = cache.Cache(tmp_path)
    counts = metrics.Metrics()
    board = Board(kit.PROJECT, "", clock, counts)
    board.keys = {signing.key_id(signing.public(kit.KEY)): signing.public(kit.KEY)}
    Poller(board, Folder(kept), kept, endpoints=(), seconds=1.0).step()
    limits = Limits(bytes=2**20, seconds=60.0)
    log = Writer(kept.log, lambda: "segment-1", limits, lambda: None)
    shadows = Shadows(board.serving, kept, limits, counts)
    numbers = iter(range(1000))
    yield operate.Parts(
        board=board,
        log=log,
        shadows=shadows,
        counts=counts,
        clock=clock,
        new_id=lambda prefix: f"{prefix}-{next(numbers)}",
        new_ids=lambda prefix, count: [f"{prefix}-{next(numbers)}" for _ in range(count)],
        ship=lambda: 0,
        segments=lambda: 0,
    )
    shadows.close()
    log.close()


def request() -> bytes:
    made = messages.ModelInferRequest(model_name=kit.ENDPOINT)
    for name, kind, value in (("distance", "fp64_contents", 100.0), ("hour", "int64_contents", 1)):
        tensor = made.inputs.add(name=name, datatype="FP64" if kind == "fp64_contents" else "INT64", shape=[1])
        getattr(tensor.contents, kind).append(value)
    return bytes(made.SerializeToString())


def test_one_call_too_many_is_told_at_once(parts: operate.Parts) -> None:
    async def ask() -> None:
        service = Service(parts, asyncio.get_running_loop())
        server = Server(service, 2**20)
        port = await server.start("127.0.0.1", 0)
        gate = service.tick.gate
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            infer = functools.partial(channel.unary_unary(METHOD), request())
            assert messages.ModelInferResponse.FromString(await infer()).outputs[0].name == "score"
            assert (gate.requests, gate.bytes) == (0, 0)
            gate.requests, gate.limit = admission.ALWAYS, 0.0
            with pytest.raises(aio.AioRpcError) as caught:
                await infer()
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert json.loads(dict(caught.value.trailing_metadata())["podium-problem-bin"])["status"] == 429
            assert gate.requests == admission.ALWAYS
            gate.requests, gate.limit = 0, float(admission.MOST_BYTES)
            await infer()
        await server.stop(1.0)
        assert parts.counts.value("podium_requests_total", endpoint=kit.ENDPOINT, status="200") == 2
        assert parts.counts.value("podium_requests_total", endpoint=kit.ENDPOINT, status="429") == 1

    asyncio.run(ask())


PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_many_calls_at_once_have_an_answer_each_and_a_trace_of_their_own(parts: operate.Parts) -> None:
    async def ask() -> None:
        server = Server(Service(parts, asyncio.get_running_loop()), 2**20)
        port = await server.start("127.0.0.1", 0)

        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            infer = channel.unary_unary(METHOD)
            traced = [infer(request(), metadata=(("traceparent", PARENT), ("tracestate", "a=1"))) for _ in range(20)]
            plain = [infer(request()) for _ in range(20)]
            wrong = infer(b"", metadata=(("traceparent", PARENT),))
            answers = [messages.ModelInferResponse.FromString(await call) for call in (*traced, *plain)]
            assert len({answer.id for answer in answers}) == 40
            scores = [answer.outputs[0].contents.fp64_contents[0] for answer in answers]
            assert scores == pytest.approx([scores[0]] * 40, rel=1e-14)
            spans = set()
            for call in traced:
                found = trace.parse(dict(await call.trailing_metadata())["traceresponse"])
                assert found is not None
                assert (found[0], found[2]) == (PARENT.split("-")[1], 1)
                spans.add(found[1])
            assert len(spans) == 20
            for call in plain:
                assert "traceresponse" not in dict(await call.trailing_metadata())
            with pytest.raises(aio.AioRpcError) as caught:
                await wrong
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            trailers = dict(caught.value.trailing_metadata())
            assert trailers["traceresponse"].split("-")[1] == PARENT.split("-")[1]
            assert set(trailers) == {"traceresponse", codes.TRAILER}
        await server.stop(1.0)

    asyncio.run(ask())


def test_a_call_is_told_in_the_access_log(parts: operate.Parts, caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> None:
        server = Server(Service(parts._replace(watch=Watch(1.0)), asyncio.get_running_loop()), 2**20)
        port = await server.start("127.0.0.1", 0)
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary(METHOD)(request(), metadata=(("traceparent", PARENT),))
            await call
            assert "traceresponse" in dict(await call.trailing_metadata())
        await server.stop(1.0)

    with caplog.at_level(logging.INFO, "podium.access"):
        asyncio.run(ask())
    (line,) = [getattr(record, log_lines.FIELDS) for record in caplog.records if record.name == "podium.access"]
    assert (line["method"], line["status"], line["trace_id"]) == ("ModelInfer", "OK", PARENT.split("-")[1])
    assert line["parent_id"] == "b7ad6b7169203331"
