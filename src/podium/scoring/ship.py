"""Handing sealed log segments to the control plane; one is deleted here only when it is stored durably there."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from podium.core import digest
from podium.core.errors import Invalid, PodiumError
from podium.scoring.log import recover
from podium.scoring.log.segment import ASIDE, SEALED, SIDECAR

_LOG = logging.getLogger("podium.scorer")
_PAUSE_SECONDS = 1.0
_LONGEST_SECONDS = 30.0
_RECOVER_SECONDS = 30.0

Send = Callable[[str, str, bytes], None]
"""Called with a segment's name, digest and bytes; returns when it is stored, else raises a `PodiumError`."""


class Shipper:
    """One thread that ships, and seals what other processes of this folder left behind when they died."""

    def __init__(self, folder: Path, send: Send | None) -> None:
        self._folder = folder
        self._send = send
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="podium-ship", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """A segment is ready."""
        self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout=35)

    def waiting(self) -> int:
        """Sealed segments still here."""
        return sum(1 for _ in self._folder.glob(f"*{SEALED}"))

    def ship(self) -> int:
        """Ship all sealed segments now; how many. Stops at the first one that cannot be sent (`PodiumError`)."""
        if self._send is None:
            return 0
        sent = 0
        with self._lock:
            for path in sorted(self._folder.glob(f"*{SEALED}")):
                sent += self._one(path, self._send)
        return sent

    def _one(self, path: Path, send: Send) -> int:
        sidecar = path.with_suffix(SIDECAR)
        try:
            data = path.read_bytes()
            stated = sidecar.read_text(errors="replace") if sidecar.exists() else ""
            if digest.of_bytes(data) != stated:
                saved = recover.harmed(path)
                return 0 if saved is None else self._one(saved, send)
        except FileNotFoundError:
            return 0  # another process of this folder was faster
        try:
            send(path.stem, stated, data)
        except Invalid as problem:
            self._aside(path, str(problem))
            return 0
        path.unlink(missing_ok=True)
        sidecar.unlink(missing_ok=True)
        return 1

    def _aside(self, path: Path, why: str) -> None:
        _LOG.error("log segment %s is set aside: %s", path.stem, why)
        path.rename(path.with_suffix(ASIDE))

    def _run(self) -> None:
        wait = _PAUSE_SECONDS
        recovered = time.monotonic()
        while not self._stopping:
            self._wake.wait(wait)
            self._wake.clear()
            try:
                self.ship()
                wait = _PAUSE_SECONDS
                if time.monotonic() - recovered > _RECOVER_SECONDS:
                    recover.folder(self._folder)
                    recovered = time.monotonic()
            except (PodiumError, OSError) as problem:
                _LOG.debug("segments wait: %s", problem)
                wait = min(wait * 2, _LONGEST_SECONDS)
