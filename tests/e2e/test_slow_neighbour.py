"""A model that answers slowly, from another process, is no reason to turn away whoever asks another one."""

import asyncio
import collections
import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import grpc
import httpx
import pytest
from grpc import aio

from podium.scoring import admission
from podium.scoring.protocols import reader
from podium.scoring.protocols.grpc import messages
from podium.scoring.rpc import codes
from tests import engine_kit
from tests import scoring_kit as kit
from tests.vendor import Vendor

CALLERS = 80
BUSY = ("The model has more to do than it can.", "The scorer has more to do than it can.")
QUICK = f"/v2/models/{kit.ENDPOINT}/infer"
SLOW = "/v2/models/slow/infer"
TOOK = (
    'http_server_request_duration_seconds_sum{endpoint="slow",http_request_method="POST",'
    'http_response_status_code="200",http_route="/v2/models/{endpoint}/infer"}'
)
ASKED = engine_kit.tensors(engine_kit.rows(2)[1:])
ROW = json.dumps(ASKED).encode()


class Street(NamedTuple):
    """A scorer of a quick model and a slow one, and who serves the slow one."""

    scorer: kit.Process
    vendor: Vendor

    def metric(self, named: str) -> float:
        """A metric's value; `named` with its labels."""
        found = re.search(rf"^{re.escape(named)} (\S+)$", self.scorer.http.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with contextlib.closing(Vendor()) as vendor, pytest.MonkeyPatch.context() as patch:
        vendor.list_in(tmp_path / "home")
        patch.setenv("HOME", str(tmp_path / "home"))
        folder = tmp_path / "scorer"
        kit.prepare(folder)
        engine_kit.serve(folder, "slow", engine_kit.write_bundle(folder, engine_kit.kinds(vendor.url)["oip"]()))
        with kit.Process(folder, grpc_port=0) as scorer:
            assert scorer.http.post(SLOW, content=ROW).status_code == 200
            vendor.takes = 0.2
            yield Street(scorer, vendor)


async def crowd(url: str, body: bytes, callers: int, until: asyncio.Event) -> collections.Counter[int]:
    """Each asks again and again, on a connection of its own; how often each status was told."""
    host, port, *path = url.removeprefix("http://").replace(":", "/", 1).split("/")
    request = b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (
        "/".join(path).encode(),
        len(body),
        body,
    )
    told: collections.Counter[int] = collections.Counter()

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while not until.is_set():
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            size = re.search(r"content-length: (\d+)", head)
            assert size is not None
            answer = await reader.readexactly(int(size[1]))
            status = int(head.split()[1])
            told[status] += 1
            if status == 429:
                assert json.loads(answer)["detail"] in BUSY
                assert "retry-after: 1\r\n" in head
                await asyncio.sleep(0.05)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(ask() for _ in range(callers)))
    return told


def test_a_crowd_before_a_slow_model_keeps_nobody_from_a_quick_one(street: Street) -> None:
    async def main() -> tuple[collections.Counter[int], list[int], int]:
        enough = asyncio.Event()
        waiting = asyncio.create_task(crowd(street.scorer.url + SLOW, ROW, CALLERS, enough))
        statuses = []
        most = 0
        async with httpx.AsyncClient(base_url=street.scorer.url, timeout=30) as client:
            await asyncio.sleep(0.5)
            for number in range(400):
                statuses.append((await client.post(QUICK, json=kit.tensors())).status_code)
                if number % 50 == 0:
                    said = (await client.get("/metrics")).text
                    found = re.search(r"^http_server_active_requests (\d+)", said, re.MULTILINE)
                    assert found is not None
                    most = max(most, int(found[1]))
                await asyncio.sleep(0.005)
        enough.set()
        return await waiting, statuses, most

    slow, quick, most = asyncio.run(main())
    assert set(quick) == {200}
    assert slow[200] >= CALLERS
    assert set(slow) <= {200, 429, 503}
    assert most > 8, "those who wait are under way"
    assert street.metric("http_server_active_requests") == 0
    for status in (200, 429, 503):
        counted = street.metric(f'podium_requests_total{{endpoint="slow",status="{status}"}}')
        assert counted == slow[status] + (status == 200)  # the fixture's own
    assert street.metric("podium_requests_rejected_total") == slow[429]


def test_a_crowd_before_a_slow_model_is_told_at_once_what_is_too_much(street: Street) -> None:
    async def main() -> collections.Counter[int]:
        enough = asyncio.Event()
        asyncio.get_running_loop().call_later(4.0, enough.set)
        return await crowd(street.scorer.url + SLOW, ROW, 5 * CALLERS, enough)

    told = asyncio.run(main())
    assert told[429] > 0
    assert told[200] > 0
    assert street.metric("podium_requests_rejected_total") == told[429]
    street.vendor.takes = 0.0
    assert street.scorer.http.post(SLOW, content=ROW).status_code == 200


def test_times_are_those_of_each_request_though_others_come_meanwhile(street: Street) -> None:
    street.vendor.takes = 1.0
    body = engine_kit.tensors(engine_kit.rows(3)[1:])  # of two rows, which come another way than one
    before = street.metric(TOOK)

    async def main() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=street.scorer.url, timeout=30) as client:

            async def ask(number: int) -> httpx.Response:
                await asyncio.sleep(0.25 * number)
                return await client.post(SLOW, json=body)

            return await asyncio.gather(*(ask(number) for number in range(5)))

    answers = asyncio.run(main())
    assert [answer.status_code for answer in answers] == [200] * 5
    took = street.metric(TOOK) - before
    assert 5.0 <= took <= sum(answer.elapsed.total_seconds() for answer in answers) + 0.01


def test_large_requests_wait_for_a_slow_model_as_bytes(street: Street) -> None:
    """Two are with it at a time; the others are read when it is their turn, and large ones to others go by."""
    street.vendor.takes = 0.5
    large = json.dumps(engine_kit.tensors(engine_kit.rows(8000))).encode()
    assert len(large) > reader.LARGE
    quick = json.dumps(kit.tensors({"distance": [1.0] * 30_000, "hour": [2] * 30_000})).encode()
    assert len(quick) > reader.LARGE

    async def main() -> None:
        async with httpx.AsyncClient(base_url=street.scorer.url, timeout=60) as client:
            slow = [asyncio.create_task(client.post(SLOW, content=large)) for _ in range(5)]
            assert (await client.post(QUICK, content=quick)).status_code == 200
            told = [(await each).status_code for each in slow]
            assert set(told) <= {200, 503}
            assert told.count(200) >= 2, "the others' time may be over on a busy machine"

    street.vendor.most = 0
    asyncio.run(main())
    assert street.vendor.most == 2
    assert street.metric("http_server_active_requests") == 0


def test_large_requests_wait_no_longer_than_their_models_time_limit(street: Street) -> None:
    """Two are with the vendor for their limit of 2 s; the others hear then that theirs is over, and are not asked."""
    street.vendor.takes = 30.0
    large = json.dumps(engine_kit.tensors(engine_kit.rows(8000))).encode()
    street.vendor.calls.clear()

    async def main() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=street.scorer.url, timeout=60) as client:
            return await asyncio.gather(*(client.post(SLOW, content=large) for _ in range(16)))

    answers = asyncio.run(main())
    assert {answer.status_code for answer in answers} == {503}
    assert max(answer.elapsed.total_seconds() for answer in answers) < 8.0
    assert len(street.vendor.calls) < 8
    assert street.metric("http_server_active_requests") == 0


def test_nobody_speaks_to_a_vendor_in_the_name_of_anothers_trace(street: Street) -> None:
    street.vendor.takes = 0.0
    street.vendor.calls.clear()
    host, port = street.scorer.url.removeprefix("http://").split(":")

    def request(body: bytes, *lines: str) -> bytes:
        head = "".join(f"{line}\r\n" for line in ("host: x", f"content-length: {len(body)}", *lines))
        return f"POST {SLOW} HTTP/1.1\r\n{head}\r\n".encode() + body

    traced = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with socket.create_connection((host, int(port)), timeout=20) as wire:
        for _ in range(5):  # in one piece, so that one turn of the loop takes both
            wire.sendall(request(b'{"inputs":[]}', traced) + request(ROW, "connection: keep-alive"))
            said = b""
            while said.count(b"HTTP/1.1 ") < 2 or not said.endswith(b"}"):
                said += wire.recv(65536)
            assert said.split()[1] != b"200"
        wire.sendall(request(ROW, traced))
        assert wire.recv(65536).split()[1] == b"200"
    told = [call.get("traceparent") for call in street.vendor.calls]
    assert told[:5] == [None] * 5
    assert str(told[5]).split("-")[1] == traced.split("-")[1]


def test_calls_over_grpc_are_told_so_too(street: Street) -> None:
    made = messages.ModelInferRequest(model_name="slow")
    for tensor in ASKED["inputs"]:
        added = made.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        kind = {"FP64": "fp64", "INT64": "int64", "BYTES": "bytes", "BOOL": "bool"}[tensor["datatype"]]
        (value,) = tensor["data"]
        getattr(added.contents, f"{kind}_contents").append(value.encode() if kind == "bytes" else value)

    async def main() -> list[grpc.StatusCode]:
        async with aio.insecure_channel(street.scorer.grpc) as channel:
            infer = channel.unary_unary(f"/{messages.INFERENCE}/ModelInfer")
            message = made.SerializeToString()
            for _ in range(20):  # one after the other: what is worth waiting is learned
                await infer(message)
            calls = [infer(message) for _ in range(4 * CALLERS)]
            found = [await call.code() for call in calls]
            for call, code in zip(calls, found, strict=True):
                if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    problem = json.loads(dict(await call.trailing_metadata())[codes.TRAILER])
                    assert (problem["status"], problem["title"]) == (429, "Too many requests")
            return found

    told = collections.Counter(asyncio.run(main()))
    assert set(told) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}, told
    assert told[grpc.StatusCode.OK] >= admission.FEWEST, "so many may wait whatever comes"
    refused = street.metric('podium_requests_total{endpoint="slow",status="429"}')
    assert refused == told[grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert street.metric("http_server_active_requests") == 0
