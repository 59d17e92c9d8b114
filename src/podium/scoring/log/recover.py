"""Sealing what dead processes left, and saving what can be saved of a segment that was harmed.

Whatever is cut away stays beside it under `.refused`, for people to look at: nothing that was logged is deleted unseen.
"""

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from podium.core import digest
from podium.scoring.log import batches, segment

_LOG = logging.getLogger("podium.scorer")
_STALE_SECONDS = 60.0
_told: set[tuple[Path, int | None]] = set()
"""Which files could not be dealt with, and why: each is logged once."""


def folder(path: Path, *, now: Callable[[], float] = time.time) -> list[Path]:  # noqa: TID251 - the clock of files' times
    """Seal every open segment there that no living process holds; the sealed files. `now`: seconds since 1970.

    What cannot be sealed, as on a full disk, stays as it is for the next time, and hinders no other.
    """
    sealed = []
    for file in sorted(path.glob(f"*{segment.OPEN}")):
        with _each(file):
            found = _one(file)
            if found is not None:
                sealed.append(found)
    if sealed:
        with _each(path):
            segment.sync_folder(path)
    _sweep(path, now())
    return sealed


def harmed(path: Path) -> Path | None:
    """A sealed segment with its unharmed batches only, under a new digest; None when nothing of it can be read."""
    return _save(path, path.read_bytes())


@contextlib.contextmanager
def _each(path: Path) -> Iterator[None]:
    """A problem with one file is told, and left for the next time; one that is gone another process has dealt with."""
    try:
        yield
    except FileNotFoundError:
        return
    except OSError as problem:
        level = logging.DEBUG if (path, problem.errno) in _told else logging.ERROR
        _told.add((path, problem.errno))
        _LOG.log(level, "%s in the log's folder cannot be dealt with now: %s", path.name, problem)


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
    data = path.read_bytes()
    found = batches.find(data)
    if not found.head or found.mended or data.count(0, found.end) < len(data) - found.end:
        return _save(path, data)
    if not found.rows:
        path.unlink()
        return None
    os.ftruncate(file, found.end)  # what follows is room ahead: zeros
    os.fsync(file)
    return segment.finish(path, digest.of_bytes(data[: found.end]))


def _save(path: Path, data: bytes) -> Path | None:
    """Set the file aside and put its unharmed batches, if any, into its place."""
    found = batches.find(data)
    aside = path.with_suffix(segment.ASIDE)
    kept = found.of(data)
    _LOG.error(
        "log segment %s: %d of its %d bytes are torn or harmed%s; %d rows are whole; the file is kept as %s",
        path.stem,
        len(data) - len(kept),
        len(data),
        ", and one bit of its head had changed" if found.mended else "",
        found.rows,
        aside.name,
    )
    if not found.rows:
        path.rename(aside)
        path.with_suffix(segment.SIDECAR).unlink(missing_ok=True)
        segment.sync_folder(path.parent)
        return None
    with contextlib.suppress(FileExistsError):  # made by one who died at this very work
        os.link(path, aside)
    new = path.with_suffix(segment.SEALED + segment.NEW)
    with new.open("wb") as file:
        file.write(kept)
        file.flush()
        os.fsync(file.fileno())
    sealed = path.with_suffix(segment.SEALED)
    segment.state(sealed, digest.of_bytes(kept))
    new.rename(sealed)
    if path != sealed:
        path.unlink()
    segment.sync_folder(path.parent)
    return sealed


def _sweep(path: Path, now: float) -> None:
    """Delete files that a dead process was still making; a sidecar without its segment was shipped."""
    for file in path.glob(f"*{segment.NEW}"):
        with _each(file):
            if now - file.stat().st_mtime > _STALE_SECONDS:
                file.unlink()
    for file in path.glob(f"*{segment.SIDECAR}"):
        sealed = file.with_suffix("")
        if not sealed.with_suffix(segment.OPEN).exists() and not sealed.exists():  # the name that it has first, first
            with _each(file):
                file.unlink(missing_ok=True)
