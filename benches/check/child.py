"""A process measured from outside: wall and processor time, the most memory it held, and what it said."""

import math
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
_PATIENCE = 10


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `ended` is false when it was stopped at its limit."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int
    ended: bool
    said: str


def run(command: Sequence[str], *, limit_s: float, environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end or its limit of processor time; ten times that by the clock ends it too.

    Processor time, so that a busy machine does not stop what a quiet one would let end. The peak is that of the largest
    process, by the kernel's account.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err, env={**os.environ, **(environment or {})})
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (math.ceil(limit_s), math.ceil(limit_s)))
        stop = threading.Timer(_PATIENCE * limit_s, process.kill)
        stop.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        stop.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said = out.read() or err.read()[-2000:]
    return Measured(
        wall_s=wall,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss / 1024,
        code=process.returncode,
        ended=process.returncode >= 0,
        said=said.decode(errors="replace"),
    )


def python(*arguments: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *arguments]


def podium(*arguments: str) -> list[str]:
    """The `podium` command beside this interpreter."""
    return [str(Path(sys.executable).with_name("podium")), *arguments]
