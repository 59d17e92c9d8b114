"""Ends a process whose event loop stands still for good.

A model inside of it that does not come back stops every endpoint, the probes and the end by a signal. Whoever started
the process starts it again; what was acknowledged is on disk.
"""

import logging
import sys
import threading
import traceback

from podium.scoring import ending

_LOG = logging.getLogger("podium.scorer")
_LOOK_SECONDS = 1.0
CODE = 70
"""How such a process ends: an internal error of software (`EX_SOFTWARE`)."""


class Watchdog:
    """Watches the thread that beats first. `seconds` without a beat end the process; none: never.

    They are counted while this process runs, so that one that was stopped for an hour has missed nothing.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._alive = threading.Event()
        self._over = threading.Event()
        self._watched: int | None = None

    def beat(self) -> None:
        """The loop has come round."""
        self._alive.set()
        if self._watched is None and self._seconds:
            self._watched = threading.get_ident()
            threading.Thread(target=self._watch, name="podium-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Nobody will beat any more."""
        self._over.set()

    def _watch(self) -> None:
        missed = 0.0
        while missed < self._seconds:
            if self._over.wait(_LOOK_SECONDS):
                return
            missed = 0.0 if self._alive.is_set() else missed + _LOOK_SECONDS
            self._alive.clear()
        frame = sys._current_frames().get(self._watched or 0)  # noqa: SLF001 - the way to see another thread
        _LOG.critical(
            "the scorer has stood still for %g seconds, so it ends, to be started again; it stands here:\n%s",
            missed,
            "".join(traceback.format_stack(frame)),
        )
        ending.leave(CODE)
