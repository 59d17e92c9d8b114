"""What one client may hold of the calls that gRPC takes at once: a part of them, for a limited time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from podium.scoring import operate
from podium.scoring.protocols.grpc import messages
from podium.scoring.rpc import health
from podium.scoring.rpc.server import Server
from podium.scoring.service import Service
from tests import scoring_kit as kit
from tests.e2e.test_grpc_overload import METHOD, parts, request

__all__ = ["parts"]
WATCH = f"/{messages.HEALTH}/Watch"
MORE_THAN_ALL = 4200
OWN = [("grpc.use_local_subchannel_pool", 1)]
"""A connection of its own: channels of one process share one."""


@pytest.mark.parametrize("kind", ["calls without a message", "watchers"])
def test_one_channel_does_not_lock_out_another(tmp_path: Path, kind: str) -> None:
    kit.prepare(tmp_path)

    async def ask(scorer: kit.Process) -> None:
        async with aio.insecure_channel(scorer.grpc) as greedy, aio.insecure_channel(scorer.grpc, OWN) as other:
            infer = other.unary_unary(METHOD)
            await infer(request())
            held: list[Any] = []
            for number in range(MORE_THAN_ALL):
                held.append(greedy.unary_stream(WATCH)(b"") if kind == "watchers" else greedy.stream_unary(METHOD)())
                if number % 100 == 0:  # of a flood the library itself refuses some
                    await asyncio.sleep(0.05)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(8):  # none is turned away where they wait on their own side
                    while not any(call.done() for call in held):
                        await asyncio.sleep(0.05)
            for _ in range(20):
                await infer(request(), timeout=20)
            for call in held:
                call.cancel()

    with kit.Process(tmp_path, grpc_port=0) as scorer:
        asyncio.run(ask(scorer))


@contextlib.asynccontextmanager
async def serving(parts: operate.Parts, seconds: float) -> AsyncIterator[aio.Channel]:
    server = Server(Service(parts, asyncio.get_running_loop()), 2**20, seconds)
    port = await server.start("127.0.0.1", 0)
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(1.0)


@pytest.mark.parametrize("method", [METHOD, WATCH, f"/{messages.HEALTH}/Check"])
def test_a_call_whose_message_does_not_come_is_ended(parts: operate.Parts, method: str) -> None:
    async def ask() -> None:
        async with serving(parts, 0.5) as channel:
            call = channel.stream_stream(method)()
            begun = time.monotonic()
            assert await asyncio.wait_for(call.code(), 30) is grpc.StatusCode.DEADLINE_EXCEEDED
            assert time.monotonic() - begun > 0.4
            assert await call.details() == "The call's message did not come within 0.5 s. Send it again."
            assert await channel.unary_unary(METHOD)(request())

    asyncio.run(ask())


def test_a_call_without_any_message_is_told_so(parts: operate.Parts) -> None:
    async def ask() -> None:
        async with serving(parts, 30.0) as channel:
            call = channel.stream_unary(METHOD)(iter(()))
            assert await asyncio.wait_for(call.code(), 30) is grpc.StatusCode.INVALID_ARGUMENT

    asyncio.run(ask())


def test_a_call_that_is_cancelled_before_its_message_came_harms_nobody(parts: operate.Parts) -> None:
    async def ask() -> None:
        async with serving(parts, 1.0) as channel:
            for _ in range(50):
                call = channel.stream_unary(METHOD)()
                await asyncio.sleep(0.002)
                call.cancel()
            assert await channel.unary_unary(METHOD)(request())

    asyncio.run(ask())


def test_a_watcher_too_many_is_told_so_and_a_place_is_free_again_when_one_leaves(parts: operate.Parts) -> None:
    async def ask() -> None:
        async with serving(parts, 30.0) as channel:
            watch = channel.unary_stream(WATCH)
            watchers = [watch(b"") for _ in range(health.MOST_WATCHERS)]
            for call in watchers:
                assert messages.HealthCheckResponse.FromString(await call.read()).status
            assert await asyncio.wait_for(watch(b"").code(), 30) is grpc.StatusCode.RESOURCE_EXHAUSTED
            watchers.pop().cancel()
            async with asyncio.timeout(30):
                while await (again := watch(b"")).read() is aio.EOF:
                    await asyncio.sleep(0.05)
            for call in (again, *watchers):
                call.cancel()

    asyncio.run(ask())
