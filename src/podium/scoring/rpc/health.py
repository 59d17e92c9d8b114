"""gRPC's health service: whether this process, or its one service, can decide now; told once, or as it changes."""

import asyncio
from collections.abc import Callable
from typing import Any

from podium.core import errors
from podium.core.errors import PodiumError
from podium.scoring.protocols.grpc import infer, messages
from podium.scoring.rpc import codes
from podium.scoring.rpc.library import grpc

MOST_WATCHERS = 256
"""Those who watch hold places of calls; beyond that many they are turned away."""
_WATCH_SECONDS = 1.0


class Health:
    """The service's answers. `ready`: whether anything can be decided now."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready
        self._watchers = 0
        self._ends = asyncio.Event()

    def end(self) -> None:
        """The process is about to end: those who watch are told, and no longer served."""
        self._ends.set()

    def _serving(self, data: bytes) -> Any:
        """The status of the process, or of the one service; None when there is no such service."""
        service = infer.parse(messages.HealthCheckRequest, data).service
        if service not in ("", messages.INFERENCE):
            return None
        kinds = messages.HealthCheckResponse
        return kinds.SERVING if self._ready() else kinds.NOT_SERVING

    async def check(self, data: bytes, _call: Any) -> Any:
        """The status now."""
        status = self._serving(data)
        if status is None:
            raise errors.NotFound(
                "There is no such service.", field="service", fix=f"Ask for {messages.INFERENCE}, or for none."
            )
        return messages.HealthCheckResponse(status=status)

    async def watch(self, data: bytes, context: Any) -> None:
        """The status now, and again each time that it has changed."""
        if self._watchers >= MOST_WATCHERS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "As many watch as may. Ask with Check instead.")
        self._watchers += 1
        try:
            await self._tell(data, context)
        except PodiumError as error:
            await context.abort(*codes.of(error))
        finally:
            self._watchers -= 1

    async def _tell(self, data: bytes, context: Any) -> None:
        last = None
        while True:
            ends = self._ends.is_set()
            status = self._serving(data)
            status = messages.HealthCheckResponse.SERVICE_UNKNOWN if status is None else status
            if status != last:
                last = status
                await context.write(messages.HealthCheckResponse(status=status))
            if ends:
                return
            await self._pause()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._ends.wait(), _WATCH_SECONDS)
        except TimeoutError:
            return
