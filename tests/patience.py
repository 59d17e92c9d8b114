"""Waiting for what comes in its own time: long enough for a slow machine, no longer than it takes."""

import time
from collections.abc import Callable

import psutil


def until(holds: Callable[[], object], what: str = "it did not come to hold in time", *, seconds: float = 60.0) -> None:
    """Ask again and again until the answer is true; AssertionError with `what` where it never is."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def ended(process: psutil.Process) -> bool:
    """Whether it is gone; what nobody has waited for yet is gone too."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
