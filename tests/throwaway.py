"""Environments with other people's packages, made for a test and thrown away."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """The interpreter of an environment that uv makes in a folder; skips, with the reason, where it cannot be had."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        pytest.skip("there is no uv")
    python = folder / "bin" / "python"
    for command in (
        ["venv", "--python", sys.executable, str(folder)],
        ["pip", "install", "--python", str(python), *packages],
    ):
        made = subprocess.run([uv, "--quiet", *command], capture_output=True, text=True, timeout=200, check=False)
        if made.returncode:
            pytest.skip(f"the packages cannot be had: {made.stderr.strip()[-300:]}")
    return python
