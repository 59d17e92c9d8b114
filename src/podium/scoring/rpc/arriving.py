"""The one message of each call. It must come in time: a call without one holds a place that others need.

The library waits for ever for the message of a call of which it knows that it has just one. So it is told that all may
have several, which looks the same to clients, and the first one is read here.
"""

import asyncio
from typing import Any

from podium.scoring.rpc.library import aio, grpc

SECONDS = 30.0
"""As a body's over HTTP."""
_LOOKS = 30
"""So often within that time: one look at all calls costs each of them less than a timer of its own."""


class Arriving:
    """The calls whose messages have not come yet, and since which look."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[asyncio.Task[Any] | None, int] = {}
        self._late: set[asyncio.Task[Any] | None] = set()
        self._look = 0
        self._ending = False

    @property
    def any(self) -> bool:
        """Whether there is such a call."""
        return bool(self._since)

    def end(self) -> None:
        """The process is about to end: who has not sent a message by now is not waited for."""
        self._ending = True
        self._cut([task for task in self._since if task])

    async def message(self, context: Any) -> bytes:
        """The message's bytes; the call is ended when none comes in time."""
        task = asyncio.current_task()
        self._since[task] = self._look
        try:
            data = await context.read()
        except asyncio.CancelledError:
            if task is None or task not in self._late:
                raise
            task.uncancel()
            said = f"The call's message did not come within {self._seconds:g} s. Send it again."
            if self._ending:
                said = "This scorer is about to end. Send it again, to another."
            code = grpc.StatusCode.UNAVAILABLE if self._ending else grpc.StatusCode.DEADLINE_EXCEEDED
            data = await context.abort(code, said)
        finally:
            del self._since[task]
            self._late.discard(task)
        if data is aio.EOF:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The call has no message. Send one.")
        return bytes(data)

    async def watch(self) -> None:
        """End the calls that wait too long, until this is cancelled."""
        while True:
            await asyncio.sleep(self._seconds / _LOOKS)
            self._look += 1
            self._cut([task for task, since in self._since.items() if task and self._look - since > _LOOKS])

    def _cut(self, late: list[asyncio.Task[Any]]) -> None:
        self._late.update(late)
        for task in late:
            task.cancel()
