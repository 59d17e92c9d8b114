"""Calls over gRPC come through the same gate as requests over HTTP: one too many is told so at once, others go on."""

import asyncio
import functools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from grpc import aio

from podium.bundle import signing
from podium.scoring import admission, cache, metrics, operate
from podium.scoring.board import Board
from podium.scoring.log.writer import Limits, Writer
from podium.scoring.poll import Poller
from podium.scoring.protocols.grpc import messages
from podium.scoring.rpc.server import Server
from podium.scoring.service import Service
from podium.scoring.shadow import Shadows
from podium.scoring.source import Folder
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
    log = Writer(kept.log, lambda: "segment-1", Limits(bytes=2**20, seconds=60.0), lambda: None)
    shadows = Shadows(log, counts)
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
