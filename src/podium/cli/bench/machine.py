"""What the figures were measured on."""

import importlib.metadata
import os
import platform
from pathlib import Path

import msgspec

from podium.cli.bench import process
from podium.core import native
from podium.version import VERSION

_PACKAGES = ("onnxruntime", "uvloop", "httptools", "msgspec", "numpy", "pyarrow", "scikit-learn", "grpcio")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine, its system and the versions of what was measured."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    podium: str
    packages: dict[str, str]
    compiled: bool
    """Whether the parts in C are there, the scorer's and the client's."""
    server_core: int
    load_core: int
    busy_before: float
    """The load average over a minute before the run began: near 0 on a quiet machine."""


def describe() -> Machine:
    server, load = process.cores()
    return Machine(
        processor=_first("/proc/cpuinfo", "model name") or platform.processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        podium=VERSION,
        packages={name: found for name in _PACKAGES if (found := _version(name))},
        compiled=not native.missing() and native.part(native.DRIVE) is not None,
        server_core=server,
        load_core=load,
        busy_before=round(os.getloadavg()[0], 2),
    )


def _first(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
