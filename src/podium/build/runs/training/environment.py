"""What the run ran on."""

import platform
from importlib import metadata
from pathlib import Path

from podium.core import digest
from podium.core.run import Environment

_LOCK = "uv.lock"


def record(source: Path) -> Environment:
    """Python, platform, every installed package, and the digest of the project's `uv.lock` if it has one."""
    lock = source / _LOCK
    packages = {f"{item.metadata['Name']}=={item.version}" for item in metadata.distributions() if item.metadata}
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        packages=tuple(sorted(packages, key=str.lower)),
        lock_digest=digest.of_bytes(lock.read_bytes()) if lock.is_file() else None,
    )
