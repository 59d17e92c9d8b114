"""The control plane's disk is full: it says so at once, goes on reading, and goes on by itself when there is room."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from podium.client import credentials
from podium.client.connect import connect
from podium.core.errors import Unavailable
from tests import ports, small_disk
from tests.patience import until

PODIUM = Path(sys.executable).with_name("podium")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A home on a small file system of its own."""
    with small_disk.mounted(tmp_path / "home", "24m") as home:
        yield home


@pytest.fixture
def platform(small: Path, tmp_path: Path) -> Iterator[credentials.Credentials]:
    port, scorer_port = ports.free(2)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
    given = {"PODIUM_HOME": str(small), "PODIUM_PORT": str(port), "PODIUM_SCORER_PORT": str(scorer_port)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([PODIUM, "up"], cwd=tmp_path, env=kept | given, stdout=log, stderr=log)
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), "the server does not answer")
            found = credentials.load(small)
            assert found is not None
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_full_disk_is_told_and_survived(small: Path, platform: credentials.Credentials) -> None:
    ballast = small / "ballast"
    with connect(platform.url, platform.token, "p", patience=0.1) as client:
        client.users.create("before")
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        for trial in range(3):
            begun = time.monotonic()
            with pytest.raises(Unavailable, match="database does not answer"):
                client.users.create(f"during-{trial}")
            with pytest.raises(Unavailable, match="blob store cannot be written"):
                client.runs.keep(b"code" * 1000)
            assert time.monotonic() - begun < 20
            assert "before" in {user.name for user in client.users.list()}
        ballast.unlink()
    with connect(platform.url, platform.token, "p", patience=20) as client:
        client.users.create("after")
        assert {"before", "after"} <= {user.name for user in client.users.list()}
        assert not {user.name for user in client.users.list() if user.name.startswith("during")}
        assert client.audit.verify().broken_at is None
