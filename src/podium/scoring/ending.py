"""The end of a scorer's process: all that is orderly is tried for a bounded time; then it ends, whatever still runs.

Neither the loop's end nor Python's own would do: both wait for threads, however long a model or a disk keeps them.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

_LOG = logging.getLogger("podium.scorer")
HAND_OVER_SECONDS = 8.0
"""When no more is answered, the log is closed and handed over for so long at most,"""
CLOSE_SECONDS = 6.0
"""and this of it is for closing."""
_SPARE_SECONDS = 1.0
_PARENT = 1
"""Of `/proc/<pid>/stat` behind the name of the program: the process's parent."""


def at_most(drain_seconds: float) -> float:
    """How long the end may take where requests have so long to finish."""
    return drain_seconds + HAND_OVER_SECONDS + _SPARE_SECONDS


def at_latest(drain_seconds: float) -> None:
    """Requests have so long to finish from now on; end this process when handing over must be done, too."""
    last = threading.Timer(at_most(drain_seconds), _quit)
    last.daemon = True
    last.start()


def side_by_side(closing: Sequence[Callable[[], object]], seconds: float) -> None:
    """Close parts, each on a thread of its own, and wait for all of them for so long at most."""
    ends = time.monotonic() + seconds
    threads = [threading.Thread(target=_close, args=(each,), daemon=True) for each in closing]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    left = [_name(each) for each, thread in zip(closing, threads, strict=True) if thread.is_alive()]
    if left:
        _LOG.warning("not ended after %g s, and left behind: %s", seconds, ", ".join(left))


def _close(part: Callable[[], object]) -> None:
    try:
        part()
    except Exception:  # noqa: BLE001 - the thread's edge: the others are closed all the same
        _LOG.exception("%s failed", _name(part))


def _name(part: Callable[[], object]) -> str:
    return str(getattr(getattr(part, "func", part), "__qualname__", part))


def while_starting() -> None:
    """Until others hear them, the signals to end do so at once: nothing was answered yet."""
    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: leave())


def leave(code: int = 0) -> NoReturn:
    """End this process, and those that it started and that have not ended by themselves."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    _quit(code)


def _quit(code: int = 0) -> NoReturn:
    for pid in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
    os._exit(code)


def _children() -> Iterator[int]:
    """The processes that this one started; where there is no `/proc`, none."""
    own = os.getpid()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text(errors="replace").rpartition(")")[2].split()[_PARENT]) == own:
                yield int(stat.parent.name)
