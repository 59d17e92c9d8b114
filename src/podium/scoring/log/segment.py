"""One file of the prediction log: an Arrow IPC stream that only grows, then is sealed and never changes.

`<name>.new` is being made; `<name>.open` belongs to the process that holds its lock; `<name>.arrow` is sealed, and
`<name>.arrow.sha256` beside it holds its digest. A file gets its lock before it gets a name that others look at,
else another process takes it for a dead one's.

Each record batch carries a checksum, so that after a power cut those that are whole are kept: see `batches`. An open
file may have zeros behind its last batch: see `direct`.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from podium.core import digest
from podium.scoring.log import direct

_HASHED = 256 * 1024
"""So many bytes are hashed at a time, so that who waits for a sync does not wait for a hash, too."""
NEW, OPEN, SEALED, SIDECAR, ASIDE = ".new", ".open", ".arrow", ".arrow.sha256", ".refused"


class Segment:
    """An open segment. Not safe for several threads: its writer is one thread."""

    def __init__(self, folder: Path, name: str, head: bytes, opened: float) -> None:
        """Make the file, lock it, name it; `head`: the stream's first bytes. May raise OSError.

        `opened` is when, on the writer's monotonic clock.
        """
        self.path = folder / f"{name}{OPEN}"
        self.opened = opened
        self.looked = opened
        """When its name was last looked at."""
        self.bytes = 0
        """Without the room ahead."""
        self.rows = 0
        self._hash = hashlib.sha256()
        self._unhashed: list[direct.Piece] = []
        new = folder / f"{name}{NEW}"
        self._file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(self.path)
            self._content = direct.File(self._file)
            self._write([head])
            sync_folder(folder)
        except Exception:
            for made in (self.path, new):
                with contextlib.suppress(OSError):
                    made.unlink()
            self.abandon()
            raise

    @property
    def harmed(self) -> bool:
        """What was written in vain could not be cut off again: nothing may follow it."""
        return self._content.harmed

    def append(self, messages: Sequence[bytearray], rows: int) -> None:
        """Write batches of so many rows and wait until they are on disk; on OSError nothing of them is in the file."""
        self._write(messages)
        self.rows += rows

    def _write(self, pieces: Sequence[direct.Piece]) -> None:
        self._content.append(pieces)
        before = self.bytes // _HASHED
        self.bytes = self._content.size
        self._unhashed += pieces
        if self.bytes // _HASHED > before:
            self._hash_all()

    def _hash_all(self) -> None:
        for piece in self._unhashed:
            self._hash.update(piece)
        self._unhashed = []

    def gone(self) -> bool:
        """Whether the file was removed or another took its name: nobody will find what is written to it."""
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self._file))
        except OSError as problem:
            return problem.errno in (errno.ENOENT, errno.ENOTDIR)

    def seal(self) -> Path | None:
        """Give the segment its digest and final name; one without rows is deleted. The folder is yet to be synced.

        On OSError it is open as before: try again, unless it is `gone`.
        """
        if self.gone():
            raise missing(self.path)
        sealed = None
        if self.rows:
            self._content.finish()
            self._hash_all()
            sealed = finish(self.path, digest.PREFIX + self._hash.hexdigest())
        else:
            self.path.unlink()
        self.abandon()
        return sealed

    def abandon(self) -> None:
        """Close the file as a dead process would leave it; recovery seals it."""
        with contextlib.suppress(OSError):  # its bytes are on disk
            os.close(self._file)


def missing(path: Path) -> OSError:
    """What a segment's writer says when it is `gone`."""
    return FileNotFoundError(errno.ENOENT, "A segment of the log was removed while it was written.", str(path))


def finish(path: Path, named: str) -> Path:
    """Write the digest beside an `.open` file whose bytes are on disk, then give it its sealed name.

    The folder is yet to be synced: until then a power cut may bring the first name back, which harms nothing.
    """
    sealed = path.with_suffix(SEALED)
    state(sealed, named)
    path.rename(sealed)
    return sealed


def state(sealed: Path, named: str) -> None:
    """Write a segment's digest into the file beside it, whole or not at all."""
    new = sealed.with_suffix(SIDECAR + NEW)
    with new.open("w") as file:
        file.write(named)
        file.flush()
        os.fsync(file.fileno())
    new.rename(sealed.with_suffix(SIDECAR))


def sync_folder(folder: Path) -> None:
    """Make renames and new files in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
