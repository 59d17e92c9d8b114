"""A file that only grows, each time to the disk and not to the system's cache: whole blocks, written past the cache.

What is written was just made and will not be read soon, so that copying it into the cache would be work in vain, and so
would be the cache's own work at each sync. The last block is written again when more comes; its first bytes stay the
same, so that a power cut in between harms none of them. A file system that knows no such writes gets usual ones.

A file that is written often has room ahead: zeros behind its last byte. To sync bytes that replace zeros a file system
need not note where they are and how long the file is now, which is most of what a sync costs.
"""

import errno
import fcntl
import mmap
import os
from collections.abc import Sequence
from typing import TypeAlias

Piece: TypeAlias = bytes | bytearray

_BLOCK = 4096
_BUFFER = 1024 * 1024
"""Bytes that are written at a time, at most."""
_MOST_ROOM = 256 * 1024
"""Bytes of zeros that are written at a time: as many as the file already holds, but no more than that."""
_PAST_CACHE = getattr(os, "O_DIRECT", 0)
_SYNCED = getattr(os, "RWF_DSYNC", 0)
"""A write that is a sync, too. 0: this system knows none."""
_UNKNOWN = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_ZEROS = memoryview(mmap.mmap(-1, _MOST_ROOM))


class File:
    """A new, empty file that is open for writing. Not safe for several threads."""

    def __init__(self, descriptor: int) -> None:
        self.size = 0
        """Bytes that are on disk, without the room ahead."""
        self.harmed = False
        """What was written in vain could not be cut off again: nothing may follow it."""
        self._file = descriptor
        self._end = 0
        """Where the room ahead ends."""
        self._tail = b""
        """Of the last block what is in use."""
        self._buffer = memoryview(mmap.mmap(-1, _BUFFER))
        """Shared memory at a page's beginning: another thread may fork while the disk reads it."""
        self._synced = _SYNCED
        self._direct = self._past_cache(_PAST_CACHE)

    def _past_cache(self, flag: int) -> bool:
        try:
            fcntl.fcntl(self._file, fcntl.F_SETFL, fcntl.fcntl(self._file, fcntl.F_GETFL) & ~_PAST_CACHE | flag)
        except OSError:
            return False
        return flag != 0

    def append(self, pieces: Sequence[Piece]) -> None:
        """Write pieces and wait until they are on disk; on failure nothing of them is in the file, unless `harmed`."""
        try:
            tail = self._write(pieces)
        except Exception:
            self._cut()
            raise
        self._tail = tail
        self.size += sum(map(len, pieces))

    def _write(self, pieces: Sequence[Piece]) -> bytes:
        """Write by buffers full; what is in use of the last block then."""
        base, at = self.size - len(self._tail), len(self._tail)
        room = _room(self.size, sum(map(len, pieces)))
        self._buffer[:at] = self._tail
        for piece in pieces:
            begin = 0
            while begin < len(piece):
                taken = min(len(piece) - begin, _BUFFER - at)
                self._buffer[at : at + taken] = piece if taken == len(piece) else piece[begin : begin + taken]
                begin += taken
                at += taken
                if at == _BUFFER:
                    self._put(base, at, 0)
                    base, at = base + at, 0
        used = at % _BLOCK
        tail = bytes(self._buffer[at - used : at])
        if at:
            padded = at + -at % _BLOCK
            self._buffer[at:padded] = bytes(padded - at)
            self._put(base, padded, room if base + padded > self._end else 0)
        return tail

    def _put(self, base: int, size: int, room: int) -> None:
        """Write so many bytes of the buffer there, and sync; zeros behind them where the disk has as much to spare."""
        done = 0
        while done < size:
            parts = [self._buffer[done:size], _ZEROS[:room]]
            try:
                done += self._write_at(parts if room else parts[:1], base + done)
            except OSError as problem:
                if not room or problem.errno in _UNKNOWN:
                    raise
                room = 0
        self._end = max(self._end, (base + done) // _BLOCK * _BLOCK)

    def _write_at(self, parts: list[memoryview], at: int) -> int:
        """One write and its sync, by the best way that this file system knows; how many bytes were taken."""
        while True:
            try:
                written = os.pwritev(self._file, parts, at, self._synced)
            except OSError as problem:
                if problem.errno not in _UNKNOWN or not self._forget_a_way():
                    raise
                continue
            if not self._synced:
                os.fdatasync(self._file)
            return written

    def _forget_a_way(self) -> bool:
        """Whether there was one that this file system may not know."""
        if self._direct:
            self._direct = self._past_cache(0)
        elif self._synced:
            self._synced = 0
        else:
            return False
        return True

    def _cut(self) -> None:
        """Leave nothing behind the last byte that was synced."""
        try:
            os.ftruncate(self._file, self.size)
            self._end = 0
        except OSError:
            self.harmed = True

    def finish(self) -> None:
        """Cut the room ahead off; the file stays open. May raise OSError."""
        if os.fstat(self._file).st_size > self.size:
            os.ftruncate(self._file, self.size)
            os.fdatasync(self._file)
            self._end = 0


def _room(held: int, added: int) -> int:
    """How many zeros follow: none behind a large write, which comes seldom or fills them at once. Whole blocks."""
    return min(held, _MOST_ROOM) // _BLOCK * _BLOCK if added <= held and added <= _MOST_ROOM // 4 else 0
