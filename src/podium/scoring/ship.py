"""Handing sealed log segments to the control plane; one is deleted here only when it is stored durably there."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from podium.core import digest
from podium.core.errors import Invalid, PodiumError, Unavailable
from podium.scoring.log import recover
from podium.scoring.log.segment import ASIDE, SEALED, SIDECAR

_LOG = logging.getLogger("podium.scorer")
_PAUSE_SECONDS = 1.0
_LONGEST_SECONDS = 30.0
_RECOVER_SECONDS = 30.0
_COUNT_SECONDS = 1.0

Send = Callable[[str, str, bytes], None]
"""Called with a segment's name, digest and bytes; returns when it is stored, else raises a `PodiumError`."""


class Shipper:
    """One thread that ships, and seals what other processes of this folder left behind when they died."""

    def __init__(self, folder: Path, send: Send | None) -> None:
        self._folder = folder
        self._send = send
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ends: float | None = None
        self._unread: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="podium-ship", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """A segment is ready."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Ship what is there, for so long at most; what does not go out then waits for the next start."""
        self._ends = time.monotonic() + seconds
        self._wake.set()
        self._thread.join(timeout=seconds)

    def waiting(self) -> int:
        """Sealed segments still here."""
        return sum(1 for _ in self._folder.glob(f"*{SEALED}"))

    def ship(self) -> int:
        """Ship all sealed segments now; how many. Stops when the control plane takes no more (`PodiumError`).

        A segment that cannot be read is passed over. Once this is stopped: `Unavailable` when segments wait.
        """
        if self._send is None:
            return 0
        sent = 0
        if not self._lock.acquire(timeout=self._left()):
            raise Unavailable("The control plane takes segments too slowly.", fix="They go out at the next start.")
        try:
            for path in sorted(self._folder.glob(f"*{SEALED}")):
                if not self._left():
                    raise Unavailable("The scorer ends.", fix="The segments go out at its next start.")
                sent += self._one(path, self._send)
        finally:
            self._lock.release()
        return sent

    def _left(self) -> float:
        """Seconds in which this thread may send more; -1: any."""
        if self._ends is None:
            return -1
        return max(0.0, self._ends - time.monotonic()) if threading.current_thread() is self._thread else 0.0

    def _one(self, path: Path, send: Send) -> int:
        try:
            read = self._read(path)
            if read is None:
                return 0
            try:
                send(path.stem, *read)
            except Invalid as problem:
                self._aside(path, str(problem))
                return 0
            path.unlink(missing_ok=True)
            path.with_suffix(SIDECAR).unlink(missing_ok=True)
        except FileNotFoundError:
            return 0  # another process of this folder was faster
        except OSError as problem:
            if path.name not in self._unread:
                self._unread.add(path.name)
                _LOG.error("log segment %s is passed over: %s", path.stem, problem.strerror)
            return 0
        return 1

    def _read(self, path: Path) -> tuple[str, bytes] | None:
        """Digest and bytes of a segment; of a harmed one, of what could be saved of it; None when nothing could."""
        sidecar = path.with_suffix(SIDECAR)
        data = path.read_bytes()
        stated = sidecar.read_text(errors="replace") if sidecar.exists() else ""
        if digest.of_bytes(data) == stated:
            return stated, data
        saved = recover.harmed(path)
        return None if saved is None else self._read(saved)

    def _aside(self, path: Path, why: str) -> None:
        _LOG.error("log segment %s is set aside: %s", path.stem, why)
        path.rename(path.with_suffix(ASIDE))

    def _run(self) -> None:
        wait = _PAUSE_SECONDS
        recovered = time.monotonic()
        last = False
        while not last:
            self._wake.wait(wait)
            self._wake.clear()
            last = self._ends is not None
            try:
                self.ship()
                wait = _PAUSE_SECONDS
                if time.monotonic() - recovered > _RECOVER_SECONDS:
                    recover.folder(self._folder)
                    recovered = time.monotonic()
            except (PodiumError, OSError) as problem:
                _LOG.debug("segments wait: %s", problem)
                wait = min(wait * 2, _LONGEST_SECONDS)
            except Exception:  # noqa: BLE001 - the thread's edge: a fault in here must not end the shipping
                _LOG.exception("shipping failed")
                wait = _LONGEST_SECONDS


class Counted:
    """Sealed segments, counted once a second at most: there can be many thousands."""

    def __init__(self, shipper: Shipper) -> None:
        self._shipper = shipper
        self._counted = (0, -_COUNT_SECONDS)

    def waiting(self) -> int:
        """Those still here."""
        count, at = self._counted
        if time.monotonic() - at >= _COUNT_SECONDS:
            count = self._shipper.waiting()
            self._counted = (count, time.monotonic())
        return count

    def ship(self) -> int:
        """Ship all now; how many."""
        try:
            return self._shipper.ship()
        finally:
            self._counted = (0, -_COUNT_SECONDS)
