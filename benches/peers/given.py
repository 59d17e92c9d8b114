"""What every peer is given: the fitted pipeline, the same pipeline in ONNX, and rows as records.

Runs in the peers' environments, where Podium is not installed.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

HERE = Path(__file__).resolve().parent


class Predictor(Protocol):
    """Records in, scores out."""

    def __call__(self, rows: list[dict[str, Any]]) -> list[float]: ...


def options() -> argparse.Namespace:
    """What each server script is started with."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--model", choices=("sklearn", "onnx"), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--batching", action="store_true")
    return parser.parse_args()


def described(files: Path) -> dict[str, Any]:
    """Names of the features: all, numbers and texts, in the model's order."""
    found: dict[str, Any] = json.loads((files / "features.json").read_text())
    return found


def predictor(files: Path, kind: str) -> Predictor:
    """The model as a function of records."""
    made: Predictor = importlib.import_module(f"given_{kind}").predictor(files)
    return made


def become(tool: str, arguments: Sequence[str]) -> None:
    """Become a command of this environment."""
    folder = Path(sys.executable).parent
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = str(HERE)
    os.execv(folder / tool, [tool, *arguments])
