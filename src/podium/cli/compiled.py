"""The parts of the scorer that are written in C, and whether they were compiled when Podium was installed."""

import importlib.util

PARTS = ("podium.scoring.protocols._values", "podium.scoring.log._message")


def missing() -> list[str]:
    """Those that are not there; Python does their work, slower."""
    return [name for name in PARTS if importlib.util.find_spec(name) is None]
