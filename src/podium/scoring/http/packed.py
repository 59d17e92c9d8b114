"""Packed bodies of all connections: few bytes may become thousands of times as many, so some have to wait.

Only at the end of a turn of the event loop is it seen how many requests have come; what is too much then is refused.
"""

import asyncio

from podium.scoring.http import body

_MOST = 16 * 1024 * 1024
"""Bytes of one turn."""


class Packed:
    """Unpacks for the connections of one event loop. `limit`: bytes of one body."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._unpacked = 0
        """Bytes of this turn, packed and not."""

    @property
    def enough(self) -> bool:
        """Whether others have to wait for the next turn."""
        return self._unpacked >= _MOST

    def unpack(self, content: bytes, coding: str) -> bytes:
        """What was packed; raises `Refusal` or `TooLarge`."""
        if not self._unpacked:
            asyncio.get_running_loop().call_soon(self._turn)
        self._unpacked += len(content)
        made = body.inflate(content, self._limit, coding)
        self._unpacked += len(made)
        return made

    def _turn(self) -> None:
        self._unpacked = 0
