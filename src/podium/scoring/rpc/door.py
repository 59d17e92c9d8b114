"""The door of the port: shut for new connections, while calls on those that are there go on.

The library cannot do that. Its stop cancels calls that have arrived and were not begun; and it gives no handle to the
socket that it listens on, so that is looked for among the files of this process.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from podium.scoring.http import knocking, listen

AGE_SECONDS = 5.0
"""A connection is so old at most, give or take a tenth: then its client is told in the protocol's own way (GOAWAY) to
begin another, which loses no call. So all are gone so soon after the door was shut, whatever they ask."""
_LAST_SECONDS = 1.2 * AGE_SECONDS
_QUIET_SECONDS, _LOOK_SECONDS = 0.5, 0.1
_FILES = Path("/dev/fd")


async def shut(port: int) -> None:
    """Let nobody else in. Whom the kernel has let in by now is taken; who knocks later finds another process, if one
    shares the port. Where the system cannot do that, the door stays open."""
    listening = _listening(port)
    for each in listening:
        knocking.ignore(each)
    await asyncio.sleep(listen.KNOCKED_SECONDS)
    for each in listening:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RD)
        each.close()


async def quiet(arrived: Callable[[], int], arriving: Callable[[], bool], ends: float) -> None:
    """Return when no call has come for a moment, so many having `arrived`, and none is `arriving`.

    That is soon after the door was shut, or `ends` it.
    """
    ends = min(ends, time.monotonic() + _LAST_SECONDS)
    before, since = arrived(), time.monotonic()
    while (now := time.monotonic()) < min(ends, since + _QUIET_SECONDS):
        await asyncio.sleep(min(_LOOK_SECONDS, ends - now))
        if arriving() or arrived() != before:
            before, since = arrived(), time.monotonic()


def _listening(port: int) -> list[socket.socket]:
    """The sockets of this process that listen on a port, by descriptors of their own."""
    found: list[socket.socket] = []
    with contextlib.suppress(OSError):  # there is no such list, or no descriptor to read it
        for path in _FILES.iterdir():
            ours = {each.fileno() for each in found}  # one may have the number that the list itself had
            with contextlib.suppress(OSError):  # closed meanwhile
                if int(path.name) not in ours and path.is_socket():
                    each = socket.socket(fileno=os.dup(int(path.name)))
                    if _listens(each, port):
                        found.append(each)
                    else:
                        each.close()
    return found


def _listens(each: socket.socket, port: int) -> bool:
    with contextlib.suppress(OSError):  # of no such kind
        internet = each.family in (socket.AF_INET, socket.AF_INET6)
        listens = internet and each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return bool(listens and each.getsockname()[1] == port)
    return False
