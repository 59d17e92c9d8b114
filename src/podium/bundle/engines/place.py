"""What an engine may use of the machine that it runs on."""

import tempfile
from pathlib import Path

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where engines keep what they make again otherwise. The default suits one user of one machine."""

    folder: Path = msgspec.field(default_factory=lambda: _default())
    """Environments of versions, by the digest of their lock; may be emptied while nothing runs."""
    hosts: tuple[str, ...] = ()
    """Hosts of external models that this process may speak to, as `host` or `host:port`; empty: none but those that
    are on the public network."""


def _default() -> Path:
    try:
        return Path.home() / ".cache" / "podium" / "engines"
    except RuntimeError:  # a user without a home
        return Path(tempfile.gettempdir()) / "podium-engines"
