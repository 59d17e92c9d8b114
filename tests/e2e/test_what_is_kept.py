"""What a scorer keeps: no replaced model, no request that was answered, of large requests few at a time."""

import asyncio
import gc
import json
import re
import weakref
from pathlib import Path
from typing import Any

import httpx

from podium.scoring import cache, operate
from podium.scoring.poll import Poller
from podium.scoring.protocols import reader
from podium.scoring.source import Folder
from podium.scoring.work import Group
from tests import scoring_kit as kit
from tests.e2e import test_large_calls
from tests.e2e.test_grpc_overload import parts
from tests.e2e.test_large_calls import come

__all__ = ["parts"]
INFER = f"/v2/models/{kit.ENDPOINT}/infer"


def groups(*, collect: bool = True) -> list[Group]:
    if collect:
        gc.collect()
    return [each for each in gc.get_objects() if type(each) is Group]


def test_a_replaced_model_and_an_answered_request_are_not_kept(parts: operate.Parts, tmp_path: Path) -> None:
    async def ask() -> None:
        async with test_large_calls.over_http(parts) as (_, client):
            for number in range(20):
                for body in (kit.tensors(), kit.tensors({"distance": [1.5] * 20_000, "hour": [2] * 20_000})):
                    answer = await client.post(INFER, json=body, headers={"user-agent": f"client {number}"})
                    assert answer.status_code == 200, answer.text
            await come(lambda: not groups())
            before = weakref.ref(parts.board.get(kit.ENDPOINT).live[0].runtime)
            kit.put_rollout(
                tmp_path, kit.sign(kit.document(2, kit.route("champion", 2, kit.write_bundle(tmp_path, 0.5))))
            )
            kept = cache.Cache(tmp_path)
            Poller(parts.board, Folder(kept), kept, endpoints=(), seconds=1.0).step()
            assert parts.board.numbers() == {kit.ENDPOINT: 2}
            gc.collect()
            assert before() is None, "heads that came under the old rollout hold its model"
            answer = await client.post(INFER, json=kit.tensors(), headers={"user-agent": "client 3"})
            assert kit.output(answer.json(), "version") == [2, 2, 2]

    asyncio.run(ask())


def test_calls_over_grpc_leave_nothing_to_the_garbage_collector(parts: operate.Parts) -> None:
    """It comes round seldom: few objects hold many rows."""

    async def ask() -> None:
        async with test_large_calls.serving(parts) as (_, infer):
            gc.collect()
            gc.disable()
            try:
                for data in (test_large_calls.large(3, 10), test_large_calls.large(20_000, 100)):
                    await infer(data)
                    await come(lambda: not groups(collect=False))
            finally:
                gc.enable()

    asyncio.run(ask())


def test_few_large_requests_are_in_memory_at_once_and_all_are_answered(parts: operate.Parts) -> None:
    rows = 20_000
    middle = json.dumps(kit.tensors({"distance": [1234.5678] * rows, "hour": [7] * rows})).encode()
    assert reader.LARGE < len(middle) < 2**20
    bodies = [middle + b" " * (2**20 if at % 2 else 0) for at in range(16)]

    async def ask() -> None:
        async with test_large_calls.over_http(parts) as (service, client):
            held: list[Any] = []
            service.tick._together._large.take(held.append)  # the scoring of the one before takes long
            calls = [asyncio.ensure_future(client.post(INFER, content=body)) for body in bodies]
            await come(lambda: service.tick.gate.aside == len(bodies))
            await come(lambda: sum(bool(each.entries) for each in groups()) == 3)
            await asyncio.sleep(0.5)
            assert sum(bool(each.entries) for each in groups()) == 3, "two large ones, and a very large one"
            assert (await client.post(INFER, json=kit.tensors())).status_code == 200, "small ones do not wait"
            held[0]()
            answers = await asyncio.gather(*calls)
            assert [each.status_code for each in answers] == [200] * len(bodies)
            gate = service.tick.gate
            assert (gate.requests, gate.bytes, gate.aside) == (0, 0, 0)

    asyncio.run(ask())


def test_large_requests_do_not_fill_the_log_together(tmp_path: Path) -> None:
    """Two of them have more rows than may wait for the disk."""
    kit.prepare(tmp_path)
    rows = 60_000
    body = json.dumps({"instances": [[1.5, 3]] * rows}, separators=(",", ":")).encode()

    async def ask(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            headers = {"content-type": "application/json"}
            calls = [client.post("/invocations", content=body, headers=headers) for _ in range(12)]
            return await asyncio.gather(*calls)

    with kit.Process(tmp_path, log_rows=100_000) as scorer:
        answers = asyncio.run(ask(scorer.url))
        assert [each.status_code for each in answers] == [200] * 12
        text = scorer.http.get("/metrics").text
        logged = re.search(r'^podium_predictions_total\{.*role="champion".*\} (\S+)$', text, re.MULTILINE)
        assert logged is not None
        assert float(logged[1]) == 12 * rows
