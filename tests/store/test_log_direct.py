"""A file of the log holds what was appended, whatever the pieces' sizes, the file system's ways, and its refusals."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.scoring.log import direct

SIZES = st.lists(
    st.one_of(st.integers(0, 9000), st.integers(4090, 4100), st.integers(1_040_000, 1_060_000)), max_size=4
)


@contextmanager
def opened(path: Path) -> Iterator[direct.File]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        yield direct.File(descriptor)
    finally:
        os.close(descriptor)


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As where a file system knows no writes past the cache, and a system no synced ones."""
    if request.param != "past the cache":
        monkeypatch.setattr(direct, "_PAST_CACHE", 0)
    if request.param == "writes and syncs":
        monkeypatch.setattr(direct, "_SYNCED", 0)
    return str(request.param)


@pytest.mark.parametrize("way", ["past the cache", "synced writes", "writes and syncs"], indirect=True)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=st.lists(SIZES, max_size=12))
def test_the_file_is_what_was_appended(way: str, commits: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log")
        wanted = b""
        with opened(path) as file:
            for at, sizes in enumerate(commits):
                pieces = [bytes([1 + (at + place) % 255]) * size for place, size in enumerate(sizes)]
                file.append([bytearray(piece) if place % 2 else piece for place, piece in enumerate(pieces)])
                wanted += b"".join(pieces)
                found = path.read_bytes()
                assert file.size == len(wanted)
                assert found.startswith(wanted)
                assert not any(found[len(wanted) :])
            file.finish()
            assert path.read_bytes() == wanted
            file.append([b"more"])
            file.finish()
            assert path.read_bytes() == wanted + b"more"


def test_small_commits_are_written_into_room_that_is_there(tmp_path: Path) -> None:
    with opened(tmp_path / "log") as file:
        sizes = []
        for _ in range(200):
            file.append([b"x" * 1000])
            sizes.append((tmp_path / "log").stat().st_size)
    assert len(set(sizes)) < 20
    assert sizes[-1] < 200_000 + 256 * 1024 + 4096


LIMITED = """
import os, resource, signal, sys
from podium.scoring.log import direct
path, limit = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = direct.File(os.open(path, os.O_WRONLY | os.O_CREAT, 0o640))
file.append([b"a" * 100_000])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
refused = 0
for _ in range(12):
    try:
        file.append([b"b" * 10_000, b"c" * 20_001])
    except OSError:
        refused += 1
        assert os.stat(path).st_size == file.size, "nothing of them is there"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.append([b"d" * 3_000_000])
file.finish()
print(refused, file.size, file.harmed)
"""


@pytest.mark.parametrize("limit", [128 * 1024, 200_000, 262_144 + 17])
def test_what_a_disk_refuses_leaves_nothing_and_room_is_not_insisted_on(tmp_path: Path, limit: int) -> None:
    assert signal.SIGXFSZ
    path = tmp_path / "log"
    said = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(limit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert said.returncode == 0, said.stderr
    refused, size, harmed = said.stdout.split()
    taken = (limit // 4096 * 4096 - 100_000) // 30_001
    assert (int(refused), harmed) == (12 - taken, "False")
    assert path.read_bytes() == b"a" * 100_000 + (b"b" * 10_000 + b"c" * 20_001) * taken + b"d" * 3_000_000
    assert int(size) == path.stat().st_size
