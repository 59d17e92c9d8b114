"""Sealing what dead processes left: their open segments, cut after the last whole record batch."""

import fcntl
import os
from pathlib import Path

import pyarrow as pa

from podium.core import digest
from podium.scoring.log import segment

_STALE_SECONDS = 60.0


def folder(path: Path, *, now: float | None = None) -> list[Path]:
    """Seal every open segment there that no living process holds; the sealed files. `now`: seconds since 1970."""
    sealed = [each for each in (_one(file) for file in sorted(path.glob(f"*{segment.OPEN}"))) if each is not None]
    _sweep(path, now)
    return sealed


def _one(path: Path) -> Path | None:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _same(path, file):
            return None
        return _seal(path, file)
    except BlockingIOError:
        return None
    finally:
        os.close(file)


def _same(path: Path, file: int) -> bool:
    """Whether the name still means the file that we locked: another may have sealed it in between."""
    try:
        return path.stat().st_ino == os.fstat(file).st_ino
    except FileNotFoundError:
        return False


def _seal(path: Path, file: int) -> Path | None:
    data = pa.py_buffer(path.read_bytes())
    end, rows = segment.whole(data)
    if not rows:
        path.unlink()
        return None
    if end < data.size:
        os.ftruncate(file, end)
    os.fsync(file)
    return segment.finish(path, digest.of_bytes(memoryview(data)[:end]))


def _sweep(path: Path, now: float | None) -> None:
    """Delete files that a dead process was still making; a sidecar without its segment was shipped."""
    for file in path.glob(f"*{segment.NEW}"):
        try:
            age = None if now is None else now - file.stat().st_mtime
        except FileNotFoundError:
            continue
        if age is not None and age > _STALE_SECONDS:
            file.unlink(missing_ok=True)
    for file in path.glob(f"*{segment.SIDECAR}"):
        sealed = file.with_suffix("")
        if not sealed.exists() and not sealed.with_suffix(segment.OPEN).exists():
            file.unlink(missing_ok=True)
