"""Draining several processes on one port: the control plane has every prediction, whichever of them was asked."""

from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa

from podium.bundle import signing
from tests import scoring_kit as kit
from tests.patience import until

WORKERS = 3
ROW: dict[str, list[Any]] = {"distance": [1.0], "hour": [2]}


def rows(plane: kit.ControlPlane) -> int:
    """At the control plane, of champions and shadows."""
    return sum(pa.ipc.open_stream(data).read_all().num_rows for data in list(plane.segments.values()))


def test_every_process_hands_over_what_it_has(tmp_path: Path) -> None:
    plane = kit.ControlPlane()
    (tmp_path / "public.key").write_bytes(signing.public(kit.KEY))
    named = kit.bundle_digest(-1.0)
    routes = (kit.route("champion", 1, named), kit.route("shadow", 2, kit.bundle_digest(-0.5), 0.0))
    plane.publish(kit.sign(kit.document(1, *routes)), -1.0, -0.5)
    with kit.Process(tmp_path, url=plane.url, token="t", segment_seconds=600, workers=WORKERS) as scorer:
        workers = psutil.Process(scorer.process.pid).children()
        assert len(workers) == WORKERS
        until(lambda: all(_asked(scorer) for _ in range(20)))
        assert scorer.drain()["processes"] == WORKERS
        before = rows(plane)
        assert sum(_asked(scorer) for _ in range(60)) == 60
        assert scorer.drain()["waiting"] == 0
        assert rows(plane) - before == 120
        assert not list((tmp_path / "log").glob("*.open"))
        workers[0].kill()
        until(lambda: _replaced(workers[0], psutil.Process(scorer.process.pid).children()))
        assert scorer.drain()["processes"] == WORKERS
        scorer.stop()
    plane.close()


def _replaced(killed: psutil.Process, workers: list[psutil.Process]) -> bool:
    """Its parent has waited for it, which ends with its last thread: until then its connections may look alive."""
    return killed not in workers and len(workers) == WORKERS


def _asked(scorer: kit.Process) -> bool:
    """On a connection of its own: whichever process the kernel chooses."""
    return httpx.post(f"{scorer.url}/v2/models/delay/infer", json=kit.tensors(ROW)).status_code == 200
