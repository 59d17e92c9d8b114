"""Large bodies: read on threads, few at a time, while small ones come and go."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from podium.bundle.engines.worker import turn
from podium.core.errors import PodiumError
from podium.scoring import admission, memory, threads, turns, waiting
from podium.scoring.work import Entry, Group

Entered: TypeAlias = Callable[[BaseException | None], None]
"""Hears that a body was read, or why not."""
Left: TypeAlias = Callable[[], bool]
"""Whether nobody waits for an answer any more; asked on any thread."""
_AT_ONCE = 2
"""Large bodies that are read, or wait to be scored, at once, beside a very large one."""
_QUIET_SECONDS = 5.0


class Gone(PodiumError):
    """Nobody waits for the answer any more."""

    def __init__(self) -> None:
        super().__init__("The caller has gone.")


def never() -> bool:
    """Of those whose leaving nobody hears of."""
    return False


class Large:
    """Has them read. Lives on the loop, but for `in_turn` and `turn`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lines: waiting.Lines) -> None:
        self._loop = loop
        self._lines = lines
        self._turns = threading.RLock()
        """Held by the thread that reads a large body value by value, as that takes many times its size, or a very large
        one in any way. The bodies wait as bytes."""
        self._large, self._very_large = turns.Turns(_AT_ONCE), turns.Turns(1)
        """Until they are scored: what is read takes many times its size. The very large ones need the lock in any case,
        so that they would keep others from being read."""
        self._trimming, self._last = False, 0.0
        self._threads = threads.Pool(_AT_ONCE + 1, thread_name_prefix="podium-large")

    def read(self, read: Callable[[], Entry], group: Group, then: Entered, size: int, *, very: bool) -> None:
        """Read a body of that size into a group of its own, and `then` have it scored, which tells the group when that
        begins; or hear why it could not be read.

        Meanwhile it waits among its like, so that its own time is not taken for that of a crowd. One for a model that
        answers from another process has its turn among that model's before it has one here, as it keeps it until it is
        answered; where that model's time limit is over by then, it is not read.
        """
        own = self._lines.of(group.endpoint) if group.deciding.blocking else None
        line = own or self._lines.large
        if not line.admit([size], time.perf_counter()):
            then(admission.Crowded())
            return

        def begin(done: turns.Done) -> None:
            group.begun = done
            if time.perf_counter() - group.started > group.deciding.patience:
                group.over()
                then(turn.busy())
                return
            self._trim_later()
            threads.run(self._loop, self._threads, read).add_done_callback(entered)

        def entered(reading: "asyncio.Future[Entry]") -> None:
            error = reading.exception()
            if error is None:
                group.entries.append(reading.result())
            else:
                group.over()
            then(error)

        group.large, group.back = True, _set_aside(line, group.started, size)
        taken = self._very_large if very else self._large
        if own is None:
            taken.take(begin)
        else:
            own.large.take(partial(_until_it_ends, group, partial(taken.take, begin)))

    def in_turn(self, read: Callable[[], Entry], size: int, left: Left = never) -> Entry:
        """What a thread reads of a body, when no other thread reads one; `Gone` if nobody waits for it then."""
        with self.turn():
            if left():
                raise Gone
            return memory.freed(read, size)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Meanwhile no other thread reads one value by value, or a very large one."""
        with self._turns, memory.uncollected():
            yield

    def _trim_later(self) -> None:
        self._last = self._loop.time()
        if not self._trimming:
            self._trimming = True
            self._loop.call_later(_QUIET_SECONDS, self._trim)

    def _trim(self) -> None:
        """Give back what they took, once none has come for a while: other threads may wait meanwhile."""
        quiet = self._loop.time() - self._last
        if quiet < _QUIET_SECONDS:
            self._loop.call_later(_QUIET_SECONDS - quiet, self._trim)
            return
        self._trimming = False
        threads.run(self._loop, self._threads, memory.trim)


def _set_aside(line: waiting.Line, started: float, size: int) -> turns.Done:
    """Have a request wait in that line; what takes it back from there, once. It holds no group, or that held itself."""
    level = [line.enter([size])]

    def back() -> None:
        if level:
            now = time.perf_counter()
            line.leave([size], level.pop(), now - started, now)

    return back


def _until_it_ends(group: Group, begin: Callable[[], None], done: turns.Done) -> None:
    """Begin with a group whose turn lasts until it is answered."""
    group.ended = done
    begin()
