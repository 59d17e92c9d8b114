"""Several processes on one port: how they end, what keeps them from being started, and what they tell together."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil
import pytest

from podium.core.errors import Unavailable
from tests import scoring_kit as kit
from tests.patience import until

_FEW = 3
"""Files that a process may have open which opens no more: its three streams."""


def _may_open(pid: int, files: int) -> None:
    """So many, and still as many again later."""
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, most))


def _started(folder: Path, workers: int) -> subprocess.Popen[str]:
    """A scorer that has begun to start its workers."""
    given = {"folder": str(folder), "project": kit.PROJECT, "port": 0, "folder_only": True, "workers": workers}
    given["public_keys"] = [str(folder / "public.key")]
    process = subprocess.Popen(
        [sys.executable, str(kit.PROCESS), json.dumps(given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "src:."},
    )
    until(psutil.Process(process.pid).children, "it starts no worker")
    return process


@pytest.mark.parametrize("seconds", [0.0, 0.002, 0.01, 0.1])
def test_sigterm_while_they_are_started_ends_all(tmp_path: Path, seconds: float) -> None:
    kit.prepare(tmp_path)
    process = _started(tmp_path, 6)
    time.sleep(seconds)
    parent = psutil.Process(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        out, _ = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        for each in (*parent.children(), parent):
            each.kill()
        pytest.fail("it runs on after SIGTERM")
    assert process.returncode == 0
    assert "listening" not in out


def test_a_worker_that_cannot_be_started_now_is_tried_again(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    process = _started(tmp_path, 2)
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    parent = psutil.Process(process.pid)
    killed, _ = parent.children()
    _may_open(process.pid, _FEW)
    killed.kill()
    until(lambda: len(_alive(parent)) == 1)
    time.sleep(1.5)
    assert len(_alive(parent)) == 1
    with httpx.Client(base_url=url, timeout=20) as http:
        assert http.get("/v2/health/live").status_code == 200
    _may_open(process.pid, 100)
    until(lambda: len(_alive(parent)) == 2, "it is not tried again")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said.count("cannot be started now, and is tried again") == 1
    assert "is started at last" in said


def _alive(parent: psutil.Process) -> list[psutil.Process]:
    return [child for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE]


def test_where_the_system_lets_none_start_it_says_so(tmp_path: Path) -> None:
    code = (
        "import json, resource, sys; from pathlib import Path; from podium.scoring import serve, workers; "
        "from datetime import datetime; "
        "settings = serve.Settings(clock=datetime.now, folder=Path(sys.argv[1]), folder_only=True); "
        "made = workers.Workers(settings, 2, ()); "
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({_FEW}, 100)); made.start()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert f"{Unavailable.__name__}: workers: The system lets no more processes start" in done.stderr


def _told(url: str) -> Counter[float]:
    """How many requests are told, by how often, over many connections."""
    told: Counter[float] = Counter()
    for _ in range(30):
        with httpx.Client(base_url=url, timeout=20) as http:
            lines = http.get("/metrics").text.splitlines()
        told[sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("podium_predictions_total{"))] += 1
    return told


def test_metrics_of_two_scorers_of_a_folder_do_not_mix(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, workers=2) as old:
        for _ in range(20):
            with httpx.Client(base_url=old.url, timeout=20) as http:
                http.post(f"/v2/models/{kit.ENDPOINT}/infer", json=kit.tensors()).raise_for_status()
        until(lambda: set(_told(old.url)) == {60})
        with kit.Process(tmp_path, workers=2, port=int(old.url.rpartition(":")[2])) as new:
            time.sleep(1.2)
            assert set(_told(new.url)) <= {0, 60}
            assert old.stop() == 0
            assert set(_told(new.url)) == {0}
            assert new.stop() == 0
    assert {path.name for path in tmp_path.iterdir()} & {"workers", "metrics"} == set()
