"""A model file's executor: its fused form where the export proved that one, else ONNX Runtime.

ONNX Runtime is imported when the first model needs it: a scorer whose models are all fused never holds it in memory.
"""

import importlib
from pathlib import Path

from podium.bundle.engines import place, registry
from podium.bundle.engines.onnx import file, fused
from podium.core import bundle


def load(folder: Path, manifest: bundle.Manifest, where: place.Place) -> registry.Model:
    """The model of a verified bundle. `Unavailable` when ONNX Runtime is needed and not installed."""
    del manifest, where
    data = (folder / bundle.MODEL).read_bytes()
    scorer = _fused(data)
    if scorer is not None:
        return scorer
    other: registry.Model = importlib.import_module("podium.bundle.engines.onnx.session").Scorer(data)
    return other


def _fused(data: bytes) -> fused.Scorer | None:
    try:
        read = file.read(data)
        return fused.Scorer(read) if fused.described(read).fused else None
    except (file.Unreadable, fused.Unsupported):
        return None
