"""What a build of an environment leaves when it is killed goes with the next one, and not before it has ended."""

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import podium
from podium.bundle.engines.python import environment
from tests.patience import until

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
BUILD = "import pathlib, sys\nfrom podium.bundle.engines.python import environment\n"
BUILD += "environment.ensure(pathlib.Path(sys.argv[1]), sys.argv[2], b'')\n"


class Build:
    """A process that makes an environment in a folder, with a uv that makes it and then never ends."""

    def __init__(self, folder: Path) -> None:
        programs = folder / "programs"
        programs.mkdir()
        (programs / "python").symlink_to(sys.executable)
        hanging, self._number = programs / "uv", programs / "number"
        hanging.write_text(f'#!/bin/sh\n"{environment.uv()}" "$@"\necho $$ >"{self._number}"\nexec sleep 600\n')
        hanging.chmod(0o755)
        paths = (Path(podium.__file__).parents[1], sysconfig.get_path("purelib"))
        self.process = subprocess.Popen(
            [str(programs / "python"), "-c", BUILD, str(folder), VERSION],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
            start_new_session=True,
        )
        until(self._hangs, "uv has made it and hangs")
        self.uv = int(self._number.read_text())

    def _hangs(self) -> bool:
        assert self.process.poll() is None
        return self._number.exists() and bool(self._number.read_text().strip())

    def close(self) -> None:
        """End it and its uv, whichever of them is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    made = Build(tmp_path)
    yield made
    made.close()


def begun(folder: Path) -> list[Path]:
    return list((folder / "python").glob("*.new"))


def test_what_a_killed_build_left_goes_with_the_next(tmp_path: Path, build: Build) -> None:
    other = tmp_path / "python" / ("0" * 32 + ".00000000.new")
    other.mkdir()
    build.close()
    assert len(begun(tmp_path)) == 2
    assert environment.ensure(tmp_path, VERSION, b"").exists()
    assert begun(tmp_path) == [other]  # which may be of a build that lives: its lock is another


def test_a_build_of_which_only_the_first_process_was_killed_is_waited_for(tmp_path: Path, build: Build) -> None:
    build.process.kill()
    build.process.wait()
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(environment.ensure, tmp_path, VERSION, b"")
        with pytest.raises(TimeoutError):
            making.result(1.0)
        assert len(begun(tmp_path)) == 1
        os.kill(build.uv, signal.SIGKILL)
        assert making.result(60.0).exists()
    assert begun(tmp_path) == []
