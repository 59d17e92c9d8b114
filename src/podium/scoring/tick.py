"""Requests that were read in one turn of the event loop are scored together, one call of the engine for each endpoint.

There is no timer: a request that comes alone is scored at the end of the turn in which it came, and while the engine
works on many, the next ones gather by themselves. While the log is being synced, a few requests that must be durable
wait for its end, as they could not be answered sooner: it saves calls. A wrong request harms none of its neighbours.
"""

import asyncio
import bisect
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from podium.core.errors import PodiumError, Unavailable
from podium.core.trace import Trace
from podium.scoring import (
    admission,
    codec,
    joining,
    large,
    metrics,
    reading,
    request,
    routes,
    settle,
    together,
    waiting,
)
from podium.scoring.operate import Parts
from podium.scoring.protocols import problem, reader
from podium.scoring.work import Entry, Exchange, Group, Item, Said, Told

_LOG = logging.getLogger("podium.scorer")
_SLICE = 192 * 1024
"""Bodies of about so many bytes are read in one turn; others that have come meanwhile hear soon whether they may."""
_ENOUGH = 64
"""So many requests do not wait for the end of a sync."""
_GONE = 499
"""What a request is counted as whose caller has gone before it was scored: HTTP has no status for that."""


class Tick:
    """Gathers requests until the end of the loop's turn."""

    def __init__(self, parts: Parts, loop: asyncio.AbstractEventLoop) -> None:
        self.gate = admission.Gate()
        self._parts = parts
        self._loop = loop
        self._items: list[Item] = []
        self._queue: deque[tuple[float, list[Item]]] = deque()
        """Let in and not yet read, with when they came."""
        self._scheduled = False
        self._started = 0.0
        self._desk = settle.Desk(parts, loop, self.gate, self._woken)
        lines = waiting.Lines(self.gate)
        self._large = large.Large(loop, lines)
        self._reading = reading.Reading(parts, self._desk, self.gate, self._large, self._score)
        self._together = together.Together(parts, loop, self._desk, self._reading.strict, lines)
        self._holding = False
        self._joining = joining.Joining(loop, _ENOUGH, self._soon)

    def take(self, exchange: Exchange, number: int, head: Any, body: bytes) -> None:
        """Score the rows in that body with the others of this turn."""
        items = self._items
        if not items:
            self._started = time.perf_counter()
        items.append((exchange, number, head, body))
        if not self._scheduled:
            lane = head.work.lane
            self._soon(len(items), lane is not None and lane.durable)

    def _soon(self, waiting: int, durable: bool) -> None:  # noqa: FBT001 - a callback, too
        """Score at the end of the turn, or of the sync."""
        if self._scheduled:
            return
        if waiting < _ENOUGH and durable and self._parts.log.busy:
            self._holding = True
        else:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self._holding = False
        self._loop.call_soon(self._run)

    def _woken(self) -> None:
        """A sync has ended: whoever waited for that is next."""
        if self._holding:
            self._schedule()

    def infer(
        self,
        place: routes.Place,
        read: Callable[[codec.Asked], request.Rows],
        told: Said,
        *,
        size: int = 0,
        traces: Sequence[Trace] = (),
        left: large.Left = large.never,
    ) -> None:
        """Score rows that came by another way than HTTP, in so many bytes, with the others of this turn.

        What is larger than `reader.LARGE` is read and scored by itself, on a thread and no other at the same time; not
        if nobody waits for the answer any more when its turn comes. `told` is called once, unless this raises.
        """
        started = time.perf_counter()
        try:
            place = self._reading.named(place)
            loaded, deciding = self._reading.deciding(place)
        except PodiumError as error:
            called = metrics.Asked(place.endpoint, place.route, "POST", infers=True)
            self._parts.answered(called, problem.status_of(error), started)
            told(error)
            return
        asked = self._reading.asked(place, deciding, {})
        apart = size > reader.LARGE
        group = None if apart else self._joining.find(loaded)
        if group is None:
            group = Group(place.endpoint, loaded, deciding, started)
            group.level = self.gate.bytes
        called = metrics.Asked(group.endpoint, place.route, "POST", infers=True)
        counted = partial(self._counted, called, group.started, told)

        def enter() -> Entry:
            made = reading.entry(read(asked), asked.signature, counted, size)
            group.traces.extend(traces)
            return made

        if apart:
            read_in_turn = partial(self._large.in_turn, enter, size, left)
            self._large.read(read_in_turn, group, partial(self._entered, group, counted, left), size, very=True)
            return
        try:
            self._joining.add(group, enter())
        except PodiumError as error:
            counted(error)

    def _score(self, group: Group) -> None:
        self._together.score(group)

    def _entered(self, group: Group, told: Told, left: large.Left, error: BaseException | None) -> None:
        error = error or (large.Gone() if left() else None)
        if isinstance(error, Exception):
            if not isinstance(error, PodiumError):
                _LOG.error("a request failed", exc_info=error)
            group.over()
            told(error)
            return
        self._together.score(group)

    def _counted(self, called: metrics.Asked, started: float, told: Said, scored: request.Scored | Exception) -> None:
        error = scored if isinstance(scored, PodiumError) else Unavailable("The scorer failed; its log says why.")
        good = isinstance(scored, request.Scored)
        status = _GONE if isinstance(error, large.Gone) else problem.status_of(error)
        self._parts.answered(called, 200 if good else status, started)
        told(scored if isinstance(scored, request.Scored) else error)

    def _run(self) -> None:
        """The turn's end: let in what there is room for; read and score a slice of it, so that turns stay short."""
        self._scheduled = False
        if self._items:
            self._admit()
        read = self._read_slice()
        groups = self._joining.take() + read
        if len(groups) > 1:
            with self._parts.log.together():
                self._score_all(groups)
        else:
            self._score_all(groups)

    def _read_slice(self) -> list[Group]:
        """The groups of the next slice of the queue."""
        if not self._queue:
            return []
        started, items = self._queue.popleft()
        items, later = _slice(items)
        if later:
            self._queue.appendleft((started, later))
        if self._queue:
            self._schedule()
        return self._reading.gather(items, started)

    def _score_all(self, groups: Sequence[Group]) -> None:
        for group in groups:
            if group.requests:
                self._together.score(group)

    def _admit(self) -> None:
        """What came in this turn joins the queue, the last first, as far as there is room; the rest hears so now."""
        items, self._items = self._items, []
        first = len(items) - self.gate.admit([len(item[3]) for item in items][::-1], self._started)
        if first:
            self._desk.turn_away(items[:first], self._started)
        if first < len(items):
            self._queue.append((self._started, items[first:]))


def _slice(items: list[Item]) -> tuple[list[Item], list[Item]]:
    """The first of them, up to a slice's size, and the rest."""
    sizes = [len(item[3]) for item in items]
    if sum(sizes) <= _SLICE:
        return items, []
    at = max(1, bisect.bisect_right([*itertools.accumulate(sizes)], _SLICE))
    return items[:at], items[at:]
