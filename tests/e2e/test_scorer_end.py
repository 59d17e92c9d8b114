"""The end after SIGTERM has one time limit, whatever still runs: clients, models, explanations, the log, shipping.

Requests have two seconds in these tests, and handing over has its eight; what used to hold the process took longer.
"""

import contextlib
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest

from podium.bundle import signing
from podium.core import engine
from podium.scoring.log import recover
from podium.scoring.protocols.grpc import messages
from tests import engine_kit, ports
from tests import scoring_kit as kit
from tests.e2e.test_grpc_overload import METHOD, request
from tests.patience import ended, until
from tests.vendor import Vendor

DRAIN = 2
IN_TIME = 18.0
"""Seconds: 2 and 8, and room for a slow machine; less than any one thing below takes by itself."""
CHECK = f"/{messages.HEALTH}/Check"


def seconds_to_end(scorer: kit.Process) -> float:
    """Between SIGTERM and the process's end, which is none by a fault; it is killed where that is far off."""
    begun = time.monotonic()
    scorer.process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        assert scorer.process.wait(2 * IN_TIME) == 0
    seconds = time.monotonic() - begun
    scorer.kill()
    return seconds


@contextlib.contextmanager
def aside(*acts: Callable[[], object]) -> Iterator[None]:
    """Do these on threads that nobody waits for, and whose failures nobody minds."""

    def run(act: Callable[[], object]) -> None:
        with contextlib.suppress(httpx.HTTPError, OSError):
            act()

    for act in acts:
        threading.Thread(target=run, args=(act,), daemon=True).start()
    time.sleep(1.0)
    yield


@contextlib.contextmanager
def dripping(scorer: kit.Process) -> Iterator[None]:
    """A client whose body comes a byte at a time."""
    host, port = scorer.url.removeprefix("http://").split(":")
    done = threading.Event()
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n")

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not done.wait(0.5):
                    client.send(b"x")

        with aside(drip):
            yield
        done.set()


def unsent(channel: grpc.Channel) -> Any:
    """A call whose message never comes."""
    return channel.stream_unary(METHOD).future(iter(threading.Event().wait, True))


def test_http_and_grpc_have_the_same_seconds_to_finish(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with (
        kit.Process(tmp_path, grpc_port=0, drain_seconds=DRAIN) as scorer,
        grpc.insecure_channel(scorer.grpc) as channel,
        dripping(scorer),
    ):
        call = unsent(channel)
        assert channel.unary_unary(METHOD)(request())
        assert seconds_to_end(scorer) < IN_TIME
        assert call.exception(timeout=20) is not None


def test_grpc_says_at_once_that_it_ends_and_answers_those_who_are_there(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with (
        kit.Process(tmp_path, grpc_port=0, drain_seconds=60) as scorer,
        grpc.insecure_channel(scorer.grpc) as channel,
        dripping(scorer),
    ):
        health = channel.unary_unary(CHECK)
        watched = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
        serving = messages.HealthCheckResponse.SERVING
        assert messages.HealthCheckResponse.FromString(next(watched)).status == serving
        assert messages.HealthCheckResponse.FromString(health(b"")).status == serving
        scorer.process.send_signal(signal.SIGTERM)
        assert messages.HealthCheckResponse.FromString(next(watched)).status == messages.HealthCheckResponse.NOT_SERVING
        assert list(watched) == []
        assert messages.ModelInferResponse.FromString(channel.unary_unary(METHOD)(request(), timeout=10)).outputs
        assert messages.HealthCheckResponse.FromString(health(b"", timeout=10)).status != serving
        until(lambda: refuses(scorer.grpc), "others are let in still")
        assert scorer.process.poll() is None


def test_a_call_whose_message_is_coming_is_waited_for(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, grpc_port=0) as scorer, grpc.insecure_channel(scorer.grpc) as channel:

        def slowly() -> Iterator[bytes]:
            time.sleep(0.3)
            scorer.process.send_signal(signal.SIGTERM)
            time.sleep(1.5)
            yield request()

        assert messages.ModelInferResponse.FromString(channel.stream_unary(METHOD)(slowly(), timeout=20)).outputs
        assert scorer.process.wait(IN_TIME) == 0
        scorer.kill()


def refuses(address: str) -> bool:
    """Whether a new client finds nobody there."""
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            channel.unary_unary(CHECK)(b"", timeout=10)
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.UNAVAILABLE
    return False


def test_a_slow_explanation_and_those_behind_it_do_not_hold_the_end(tmp_path: Path) -> None:
    tmp_path.joinpath("public.key").write_bytes(signing.public(kit.KEY))
    named = kit.write_bundle(tmp_path, explained=True)
    kit.put_rollout(tmp_path, kit.sign(kit.document(1, kit.route("champion", 1, named))))
    with kit.Process(tmp_path, drain_seconds=DRAIN) as scorer:

        def explain() -> httpx.Response:
            return httpx.post(f"{scorer.url}/v2/models/delay/explain", json=kit.tensors(), timeout=60)

        assert explain().status_code == 200
        (child,) = psutil.Process(scorer.process.pid).children()
        child.suspend()
        with aside(explain, explain, explain):
            assert seconds_to_end(scorer) < IN_TIME
        until(lambda: ended(child), "the explaining process is left behind")


def test_a_slow_model_elsewhere_does_not_hold_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "scorer"
    kit.prepare(folder)
    with contextlib.closing(Vendor()) as vendor:
        vendor.list_in(tmp_path / "home")
        spec = engine.External(url=f"{vendor.url}/v2/models/late/infer", seconds=80.0)
        engine_kit.serve(folder, "slow", engine_kit.write_bundle(folder, engine_kit._external(spec)))
        with kit.Process(folder, {"HOME": str(tmp_path / "home")}, drain_seconds=DRAIN) as scorer:
            asked = engine_kit.tensors(engine_kit.rows(2)[1:])
            assert scorer.infer(asked, "slow").status_code == 200
            vendor.takes = 60.0
            with aside(lambda: httpx.post(f"{scorer.url}/v2/models/slow/infer", json=asked, timeout=70)):
                assert seconds_to_end(scorer) < IN_TIME


def test_shipping_that_somebody_waits_for_does_not_hold_the_end(tmp_path: Path) -> None:
    tmp_path.joinpath("public.key").write_bytes(signing.public(kit.KEY))
    plane = kit.ControlPlane()
    takes = [0.0]

    def instead(method: str, _path: list[str]) -> tuple[int, bytes] | None:
        if method == "PUT":
            time.sleep(takes[0])
        return (503, b"") if method == "PUT" and not takes[0] else None

    plane.instead = instead
    plane.publish(kit.sign(kit.document(1, kit.route("champion", 1, kit.bundle_digest()))), -1.0)
    settings = {"url": plane.url, "token": "t", "segment_seconds": 0.2, "drain_seconds": DRAIN}
    with contextlib.closing(plane), kit.Process(tmp_path, **settings) as scorer:
        until(lambda: scorer.http.get("/v2/health/ready").status_code == 200)
        for number in range(1, 5):
            scorer.infer(kit.tensors(id=f"x{number}")).raise_for_status()
            until(lambda: len(list((tmp_path / "log").glob("*.arrow"))) == number)  # noqa: B023 - asked now
        takes[0] = 11.0
        with aside(scorer.drain):
            assert seconds_to_end(scorer) < IN_TIME
        assert list((tmp_path / "log").glob("*.arrow"))


def test_a_sync_that_hangs_does_not_hold_the_end_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")
    library, hung = tmp_path / "hung_sync.so", tmp_path / "hung"
    source = str(Path(__file__).with_name("hung_sync.c"))
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), source, "-ldl"], check=True)
    folder = tmp_path / "scorer"
    kit.prepare(folder)
    environment = {"LD_PRELOAD": str(library), "HUNG_SYNC": str(hung)}
    with kit.Process(folder, environment, drain_seconds=DRAIN) as scorer:
        scorer.infer(kit.tensors(id="acknowledged")).raise_for_status()
        hung.touch()
        with aside(lambda: httpx.post(f"{scorer.url}/invocations", json=kit.tensors(id="waits"), timeout=70)):
            assert seconds_to_end(scorer) < IN_TIME
    recover.folder(folder / "log")
    assert any(b"acknowledged" in path.read_bytes() for path in (folder / "log").glob("*.arrow"))


@pytest.mark.skipif(not Path("/proc").exists(), reason="there is no /proc")
def test_a_worker_that_hangs_does_not_hold_the_end_of_all(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, workers=2, drain_seconds=DRAIN, grpc_port=ports.free(1)[0]) as scorer:
        workers = psutil.Process(scorer.process.pid).children()
        workers[0].suspend()
        try:
            assert seconds_to_end(scorer) < IN_TIME
            until(lambda: all(map(ended, workers)), "a worker is left behind")
        finally:
            for each in workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()


def test_an_end_with_nothing_under_way_is_quick_and_leaves_nothing_behind(tmp_path: Path) -> None:
    tmp_path.joinpath("public.key").write_bytes(signing.public(kit.KEY))
    digests = [kit.write_bundle(tmp_path, bias) for bias in (-1.0, 1.0)]
    routes = kit.route("champion", 1, digests[0]), kit.route("shadow", 2, digests[1], 0.0)
    kit.put_rollout(tmp_path, kit.sign(kit.document(1, *routes)))
    with kit.Process(tmp_path, grpc_port=0) as scorer:
        scorer.infer(kit.tensors()).raise_for_status()
        until(lambda: 'role="shadow"' in scorer.http.get("/metrics").text)
        children = psutil.Process(scorer.process.pid).children()
        assert children
        assert seconds_to_end(scorer) < IN_TIME
        assert all(map(ended, children))
    assert not list((tmp_path / "log").glob("*.open*"))


def test_a_call_whose_message_has_not_come_does_not_hold_the_end(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with (
        kit.Process(tmp_path, grpc_port=0, drain_seconds=60) as scorer,
        grpc.insecure_channel(scorer.grpc) as channel,
    ):
        waiting = unsent(channel)
        time.sleep(1.0)
        assert seconds_to_end(scorer) < IN_TIME
        assert waiting.code() is grpc.StatusCode.UNAVAILABLE
