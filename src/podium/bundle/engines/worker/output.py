"""What a model's process prints: its last words are kept, and reading ends with it, whoever else holds the pipe."""

import contextlib
import os
import select
import threading
from typing import IO

_KEPT = 8 * 1024
_PIECE = 4096
_LAST_PIECES = 16


class Output:
    """The end of a process's output, read by a thread of its own until it closes or `stop` is called."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._kept = bytearray()
        wake, self._wake = os.pipe()
        self._thread = threading.Thread(
            target=_listen, args=(pipe, wake, self._kept), name="podium-model-output", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:  # there is no room for one more
            os.close(wake)
            os.close(self._wake)
            raise
        self._stopped = False

    def last(self) -> str:
        """The last that it printed: for the operator's log, not for callers."""
        return bytes(self._kept).decode(errors="replace")[-2000:].strip()

    def stop(self) -> None:
        """Read what is there, and no more: a child that left the process's group may hold the pipe for ever."""
        if not self._stopped:
            self._stopped = True
            os.close(self._wake)
        self._thread.join(timeout=1.0)


def _listen(pipe: IO[bytes], wake: int, kept: bytearray) -> None:
    """A function, so that the thread holds nothing of the process but its pipe."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    poll.register(wake, select.POLLIN)
    os.set_blocking(pipe.fileno(), False)
    with pipe:
        try:
            while wake not in dict(poll.poll()):
                if not _take(pipe, kept):
                    return
            with contextlib.suppress(BlockingIOError):
                for _ in range(_LAST_PIECES):
                    if not _take(pipe, kept):
                        return
        finally:
            os.close(wake)


def _take(pipe: IO[bytes], kept: bytearray) -> bool:
    piece = os.read(pipe.fileno(), _PIECE)
    kept += piece
    del kept[:-_KEPT]
    return bool(piece)
