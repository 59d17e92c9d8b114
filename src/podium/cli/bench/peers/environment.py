"""The peers' environments: each made by uv in a folder of its own, fetched by nothing but the benchmark."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sklearn

from podium.cli.bench.peers.known import Peer
from podium.core.errors import Unavailable

_INSTALL_S = 1200
_COMMON = ("onnxruntime", "pandas", "numpy")


def install(peer: Peer, environments: Path) -> Path:
    """The Python of the peer's environment, made by uv where it is not there yet."""
    folder = (environments / peer.product).resolve()
    python = folder / "bin" / "python"
    if (folder / ".installed").exists():
        return python
    uv = _uv()
    _command([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
    wanted = [*peer.packages, *_COMMON, f"scikit-learn=={sklearn.__version__}"]
    _command([uv, "pip", "install", "--quiet", "--python", str(python), *wanted])
    (folder / ".installed").touch()
    return python


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = shutil.which("uv") or (str(beside) if beside.exists() else None)
    if found is None:
        raise Unavailable(
            "The peers' environments are made by uv, which is not here.", field="uv", fix="pip install uv"
        )
    return found


def _command(arguments: Sequence[str]) -> None:
    made = subprocess.run(arguments, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    if made.returncode != 0:
        said = made.stderr.strip().splitlines()
        raise Unavailable(f"It does not install: {said[-1] if said else 'no reason given'}", field="install")


def versions(peer: Peer, python: Path) -> dict[str, str]:
    """The versions of the peer's packages."""
    names = [re.split(r"[\[<>=]", package)[0] for package in (*peer.packages, *_COMMON, "scikit-learn")]
    code = "import importlib.metadata as m,sys,json;print(json.dumps({n:m.version(n) for n in sys.argv[1:]}))"
    made = subprocess.run([str(python), "-c", code, *names], capture_output=True, text=True, check=True)
    return msgspec.json.decode(made.stdout, type=dict[str, str])
