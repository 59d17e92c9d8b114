"""The listening socket, the loop, and the end: no new connections, what is under way is answered, then nothing.

All ways in are drained side by side, within one time limit.
"""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeAlias

from podium.core.errors import Invalid
from podium.scoring.http import knocking
from podium.scoring.http.connection import Connection, Shared

try:
    import uvloop as fast
except ModuleNotFoundError:
    fast = None

_LOG = logging.getLogger("podium.scorer")
_BACKLOG = 2048
_SWEEP_SECONDS = 1.0
_LOOK_SECONDS = 0.02
KNOCKED_SECONDS = 0.02
"""Within that, who knocked before is let in."""
Drain: TypeAlias = Callable[[float], Awaitable[None]]
"""Take no more requests, and return when those under way are answered, after so many seconds at the latest."""


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket bound there, not yet listening; `Invalid` where that cannot be. `shared`: several processes may bind the
    same port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError, ValueError) as problem:
        bound.close()
        raise _unfit(port, problem) from None
    bound.settimeout(0)
    return bound


def where(host: str, port: int) -> str:
    """An address as it stands in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _unfit(port: int, problem: Exception) -> Invalid:
    """Why an address cannot be listened on, as far as it is known."""
    why = getattr(problem, "errno", None)
    if why == errno.EADDRINUSE:
        return Invalid(f"Another process listens on port {port}.", field="port", fix="Choose a free one, or 0 for any.")
    if why == errno.EACCES:
        return Invalid(f"This user may not listen on port {port}.", field="port", fix="Choose one from 1024 on.")
    if isinstance(problem, OverflowError):
        return Invalid("A port is a number up to 65535.", field="port", fix="Choose a free one, or 0 for any.")
    return Invalid("This machine cannot listen on this host.", field="host", fix="Give an address that it has.")


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on the fastest loop there is.

    The loop is left open: its close waits for its threads, and those that work on something answer to it still.
    """
    runner = asyncio.Runner(loop_factory=None if fast is None else fast.new_event_loop)
    try:
        runner.run(main())
    except BaseException:
        runner.close()
        raise


class Life(NamedTuple):
    """Whom to call when it answers, once a second, and when it is told to end; and what is drained beside it."""

    ready: Callable[[], None]
    each_second: Callable[[], None] = lambda: None
    ends: Callable[[], None] = lambda: None
    beside: Sequence[Drain] = ()


async def serve(bound: socket.socket, shared: Shared, life: Life, drain_seconds: float) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: Connection(shared), sock=bound, backlog=_BACKLOG)
    sweeper = asyncio.ensure_future(_sweep(shared, life.each_second))
    life.ready()
    await stopped.wait()
    life.ends()

    async def drain(seconds: float) -> None:
        await _accept_the_rest(bound, shared)
        server.close()
        await _finish(shared, seconds)

    await asyncio.gather(*(each(drain_seconds) for each in (drain, *life.beside)))
    sweeper.cancel()


async def _finish(shared: Shared, seconds: float) -> None:
    shared.draining = True
    for connection in list(shared.connections):
        connection.drain()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while shared.connections:
                await asyncio.sleep(_LOOK_SECONDS)
    if shared.connections:
        _LOG.warning("%d connections were cut after %g s", len(shared.connections), seconds)


async def _accept_the_rest(bound: socket.socket, shared: Shared) -> None:
    """Those that the kernel has let in already must not be turned away: it would do so when the socket is closed.

    It lets in nobody else meanwhile: who comes now knocks again a second later, when another process has the port.
    """
    loop = asyncio.get_running_loop()
    bound.listen(0)
    await asyncio.sleep(KNOCKED_SECONDS if knocking.ignore(bound) else 0)
    while True:
        try:
            accepted, _ = bound.accept()
        except OSError:
            return
        accepted.settimeout(0)
        await loop.connect_accepted_socket(lambda: Connection(shared), accepted)


async def _sweep(shared: Shared, each_second: Callable[[], None]) -> None:
    """Each second, as long as the process lives: what fails in one second is tried again in the next."""
    said: set[tuple[Callable[[], None], type[Exception]]] = set()
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        for act in (shared.sweep, each_second):
            try:
                act()
            except Exception as problem:  # noqa: BLE001 - without it no connection would ever be too slow again
                kind = (act, type(problem))
                if kind not in said:
                    said.add(kind)
                    _LOG.exception("what is done each second failed; it is tried again, and this is not said again")
