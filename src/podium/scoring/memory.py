"""Giving memory back that a large body took, when nothing came of it."""

import ctypes
from collections.abc import Callable
from typing import TypeVar

from podium.core.errors import PodiumError

_LARGE = 1024 * 1024
"""Bodies beyond that many bytes leave enough behind to look for it."""
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Of the C library that Linux mostly has; elsewhere the allocator decides."""
T = TypeVar("T")


def freed(read: Callable[[], T], size: int) -> T:
    """What `read` makes of a body of so many bytes. Of what it had made when it raised `PodiumError` nothing is left.

    An error remembers where it was raised, and with that all that was known there: a body of 16 MB may be millions of
    objects, for as long as the error lasts.
    """
    try:
        return read()
    except PodiumError as error:
        told = error.with_traceback(None)
        told.__context__ = None
    if _trim is not None and size > _LARGE:
        _trim(0)
    try:
        raise told
    finally:
        del told  # else this frame would keep the error, which keeps this frame, and `read` the body
