"""One file of the prediction log: an Arrow IPC stream that only grows, then is sealed and never changes.

`<name>.new` is being made; `<name>.open` belongs to the process that holds its lock; `<name>.arrow` is sealed, and
`<name>.arrow.sha256` beside it holds its digest. A file gets its lock before it gets a name that others look at,
else another process takes it for a dead one's.

Each record batch carries a checksum, so that after a power cut those that are whole are kept: see `batches`.

An open file that is written often has room ahead: zeros behind its last batch. To sync bytes that replace zeros a file
system need not note where they are and how long the file is now, which is most of what a sync costs.
"""

import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from podium.core import digest

_MOST_ROOM = 256 * 1024
"""Bytes of zeros that are written at a time: as many as the file already holds, but no more than that."""
NEW, OPEN, SEALED, SIDECAR, ASIDE = ".new", ".open", ".arrow", ".arrow.sha256", ".refused"


class Segment:
    """An open segment. Not safe for several threads: its writer is one thread."""

    def __init__(self, folder: Path, name: str, head: bytes, opened: float) -> None:
        """Make the file, lock it, name it; `head`: the stream's first bytes. May raise OSError.

        `opened` is when, on the writer's monotonic clock.
        """
        self.path = folder / f"{name}{OPEN}"
        self.opened = opened
        self.bytes = 0
        """Without the room ahead."""
        self._end = 0
        """Of the file: where the room ahead ends."""
        self.rows = 0
        self.harmed = False
        """What was written in vain could not be cut off again: nothing may follow it."""
        self._hash = hashlib.sha256()
        new = folder / f"{name}{NEW}"
        self._file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(self.path)
            self._write([head])
            sync_folder(folder)
        except OSError:
            self.path.unlink(missing_ok=True)
            new.unlink(missing_ok=True)
            os.close(self._file)
            raise

    def append(self, messages: Sequence[bytearray], rows: int) -> None:
        """Write batches of so many rows and wait until they are on disk; on OSError nothing of them is in the file."""
        self._write(messages)
        self.rows += rows

    def _write(self, pieces: Sequence[bytes | bytearray]) -> None:
        end = self.bytes + sum(map(len, pieces))
        try:
            at = self.bytes
            for piece in pieces:
                at = self._put(piece, at)
            if end > self._end:
                self._make_room(end)
            os.fdatasync(self._file)
        except OSError:
            self._cut()
            raise
        for piece in pieces:
            self._hash.update(piece)
        self.bytes = end

    def _put(self, piece: bytes | bytearray, at: int) -> int:
        """Write bytes there; where they end."""
        view = memoryview(piece)
        while view:
            written = os.pwrite(self._file, view, at)
            view = view[written:]
            at += written
        return at

    def _make_room(self, end: int) -> None:
        """Put zeros behind the batches that end there, if the disk has as much to spare."""
        try:
            self._end = self._put(bytes(_room(self.bytes, end - self.bytes)), end)
        except OSError:
            self._end = os.fstat(self._file).st_size

    def _cut(self) -> None:
        """Leave nothing behind the last batch that was synced."""
        try:
            os.ftruncate(self._file, self.bytes)
            self._end = self.bytes
        except OSError:
            self.harmed = True

    def seal(self) -> Path | None:
        """Give the segment its digest and final name; one without rows is deleted. On OSError try again."""
        if not self.rows:
            self.path.unlink(missing_ok=True)
            os.close(self._file)
            return None
        if self._end > self.bytes:
            os.ftruncate(self._file, self.bytes)
            os.fdatasync(self._file)
            self._end = self.bytes
        sealed = finish(self.path, digest.PREFIX + self._hash.hexdigest())
        os.close(self._file)
        return sealed

    def abandon(self) -> None:
        """Close the file as a dead process would leave it; recovery seals it."""
        os.close(self._file)


def _room(held: int, added: int) -> int:
    """How many zeros follow: none behind a large write, which comes seldom or fills them at once."""
    return min(held, _MOST_ROOM) if added <= held and added <= _MOST_ROOM // 4 else 0


def finish(path: Path, named: str) -> Path:
    """Write the digest beside an `.open` file whose bytes are on disk, then give it its sealed name."""
    sealed = path.with_suffix(SEALED)
    state(sealed, named)
    path.rename(sealed)
    sync_folder(path.parent)
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
