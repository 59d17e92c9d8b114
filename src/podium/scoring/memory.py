"""Giving memory back that a large body took, when nothing came of it."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from podium.core.errors import PodiumError

_LARGE = 1024 * 1024
"""Bodies beyond that many bytes leave enough behind to look for it."""
_forget_names = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache", None)
"""Makes CPython forget the names of attributes that it found lately; the first is what newer ones have."""
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
    if size > _LARGE:
        give_back()
    try:
        raise told
    finally:
        del told  # else this frame would keep the error, which keeps this frame, and `read` the body


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Do not look for garbage meanwhile: among millions of lists that are being made there is none, and every look at
    them stops all threads."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def give_back() -> None:
    """Give the operating system what millions of objects took that are gone.

    The interpreter keeps some of what was made among them: the names in its cache of attributes, and the places of
    lists, dicts, tuples and floats for the next ones of their kind. Each of those holds a megabyte of the allocator's
    back, as nothing in an arena may be used for that to be returned.
    """
    if _forget_names is not None:
        _forget_names()
    gc.collect()  # empties the lists of places as well
    trim()


def trim() -> None:
    """Give the operating system what the allocator keeps for the next who needs as much."""
    if _trim is not None:
        _trim(0)
