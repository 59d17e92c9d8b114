"""Podium: prove, rehearse, then approve every model you run."""

from importlib import import_module
from typing import Any

__all__ = ["connect", "local"]

_HOMES = {"connect": "podium.client.connect", "local": "podium.local"}


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that `import podium` costs milliseconds."""
    if name not in _HOMES:
        raise AttributeError(f"module 'podium' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
