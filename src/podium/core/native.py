"""The parts of Podium that are written in C: there where a compiler was at hand when Podium was installed."""

import importlib
import importlib.util
from typing import Any

VALUES = "podium.scoring.protocols._values"
SURVEY = "podium.scoring.protocols._survey"
MESSAGE = "podium.scoring.log._message"
FUSED = "podium.bundle.engines.onnx._fused"
TEMPLATE = "podium.scoring._template"
COUNTING = "podium.measures._counting"
DRIVE = "podium.cli.bench._drive"
"""The client of the benchmark: nothing else needs it."""


def part(name: str) -> Any:
    """The module, or None where it was not compiled."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def missing() -> list[str]:
    """Those that are not there; Python, and ONNX Runtime, do their work, slower."""
    return [
        name for name in (VALUES, SURVEY, MESSAGE, FUSED, TEMPLATE, COUNTING) if importlib.util.find_spec(name) is None
    ]
