"""A folder for one model's process: gone with who made it, or when the next one is made, if its maker was killed.

Who holds the lock of a folder lives. A number of a process would not do: in another container it is another's.
"""

import fcntl
import os
import shutil
import tempfile
import weakref
from pathlib import Path

PREFIX = "podium-model-"
_LOCK = ".owner"


class Scratch:
    """An empty folder under the system's for temporary files."""

    def __init__(self) -> None:
        sweep()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        new = self.path / f"{_LOCK}.new"
        lock = os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._finish = weakref.finalize(self, _remove, self.path, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        new.rename(self.path / _LOCK)  # only now can others find it, and it is taken

    def close(self) -> None:
        """Remove it."""
        self._finish()


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


def sweep() -> None:
    """Remove the folders whose makers are gone."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{_LOCK}"):
        try:
            found = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # another user's, or removed in between
            continue
        try:
            fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(found)
