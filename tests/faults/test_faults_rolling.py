"""Scorers are told to stop, one after the other, while clients ask: no request fails."""

import time
from pathlib import Path

import pytest

from tests import ports
from tests import scoring_kit as kit
from tests.faults import aftermath, load, rpc_load
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms


@pytest.mark.alone
@pytest.mark.parametrize("trials", forms("rolling-restart"))
def test_rolling_restart_under_load(trials: int, tmp_path: Path, record: Record) -> None:
    """Two scorers share a port and a folder; a third starts before one ends, as a rolling update does it.

    Every other one has two processes.
    """
    kit.prepare(tmp_path)
    port, grpc_port = ports.free(2)
    settings = {"port": port, "shared": True, "grpc_port": grpc_port, "segment_seconds": 1.0}
    running = [kit.Process(tmp_path, None, **settings) for _ in range(2)]
    loads = {
        "HTTP": (
            load.Load(running[0].url, "steady", threads=3),
            load.Load(running[0].url, "comer", threads=2, pause=0.005, keep=False),
        ),
        "gRPC": (
            rpc_load.RpcLoad(running[0].grpc, "steady-rpc", threads=2, pause=0.005),
            rpc_load.RpcLoad(running[0].grpc, "comer-rpc", threads=1, pause=0.005, keep=False),
        ),
    }
    each_load = [each for some in loads.values() for each in some]
    slowest = 0.0
    try:
        for trial in range(trials):
            running.append(kit.Process(tmp_path, None, **settings, workers=2 - trial % 2))
            oldest = running.pop(0)
            begun = time.monotonic()
            assert oldest.stop() == 0
            slowest = max(slowest, time.monotonic() - begun)
        time.sleep(0.1)
    finally:
        for each in each_load:
            each.stop()
        for process in running:
            process.stop()
    answered = {identifier: score for each in each_load for identifier, score in each.scores().items()}
    logged = aftermath.scores(aftermath.segments(tmp_path / "log"))
    lost = aftermath.lost(answered, logged)
    assert all(len(steady.answered) > 20 * trials for steady, _ in loads.values())
    failed = [each.what for some in each_load for each in some.failed]
    asked = " and ".join(f"{_told(some)} over {way}" for way, some in loads.items())
    record(
        "rolling-restart",
        trials,
        f"{asked} failed, {len(lost)} predictions lost; stopped in {slowest:.1f} s"
        + "".join(f"; {each}" for each in failed[:3]),
        held=not failed and not lost,
    )


def _told(some: tuple[load.Load, ...]) -> str:
    failed = sum(len(each.failed) for each in some)
    return f"{failed} of {failed + sum(len(each.answered) for each in some):,} requests"
