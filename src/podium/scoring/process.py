"""What Prometheus' clients say of a process: https://prometheus.io/docs/instrumenting/writing_clientlibs/."""

import contextlib
import os
import platform
import resource
import time
from pathlib import Path

from podium.scoring.metrics import Metrics
from podium.version import VERSION

_SELF = Path("/proc/self")
_PAGE = resource.getpagesize()
_VIRTUAL, _RESIDENT = 0, 1
_STARTED = 19
"""Of `/proc/self/stat` after the name of the program: ticks from the machine's start to the process's."""


def open_many() -> None:
    """Let this process have as many files and connections open as the system allows it at most."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # where the most that is told is more than the system takes
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def watch(counts: Metrics) -> None:
    """Have the process's numbers read when somebody asks; where there is no `/proc`, those that need none."""
    counts.watch("podium_build_info", lambda: {(("version", VERSION),): 1.0})
    about = (("implementation", platform.python_implementation()), ("version", platform.python_version()))
    counts.watch("python_info", lambda: {about: 1.0})
    counts.watch("process_cpu_seconds_total", time.process_time)
    counts.watch("process_max_fds", lambda: float(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    if not (_SELF / "statm").exists():
        return
    counts.watch("process_virtual_memory_bytes", lambda: _pages(_VIRTUAL))
    counts.watch("process_resident_memory_bytes", lambda: _pages(_RESIDENT))
    counts.watch("process_open_fds", lambda: float(len(list((_SELF / "fd").iterdir()))))
    started = _started()
    counts.watch("process_start_time_seconds", lambda: started)


def _pages(at: int) -> float:
    return float(int((_SELF / "statm").read_text().split()[at]) * _PAGE)


def _started() -> float:
    lines = Path("/proc/stat").read_text().splitlines()
    machine = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    ticks = int((_SELF / "stat").read_text().rpartition(")")[2].split()[_STARTED])
    return machine + ticks / os.sysconf("SC_CLK_TCK")
