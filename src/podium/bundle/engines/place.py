"""What an engine may use of the machine that it runs on."""

import tempfile
from pathlib import Path

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where engines keep what they can make again, and where this machine's owner says whom they may speak to."""

    folder: Path = msgspec.field(default_factory=lambda: _home() / ".cache" / "podium" / "engines")
    """Environments of versions, by the digest of their lock; may be emptied while nothing runs."""
    external: Path = msgspec.field(default_factory=lambda: _home() / ".config" / "podium" / "external.toml")
    """Services of models that others run: see `external.hosts`."""


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home
        return Path(tempfile.gettempdir()) / "podium-engines"
