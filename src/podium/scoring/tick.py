"""Requests that were read in one turn of the event loop are scored together, one call of the engine for each endpoint.

There is no timer: a request that comes alone is scored at the end of the turn in which it came, and while the engine
works on many, the next ones gather by themselves. While the log is being synced, a few requests that must be durable
wait for its end, as they could not be answered sooner: it saves calls. A wrong request harms none of its neighbours.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from podium.bundle.grid import Grid
from podium.core.errors import Conflict, PodiumError, Unavailable
from podium.core.signature import Signature
from podium.core.trace import Trace
from podium.scoring import admission, codec, engine, joining, operate, request, routes, settle, together
from podium.scoring.operate import Parts
from podium.scoring.protocols import compiled, problem, reader
from podium.scoring.watch import Followed
from podium.scoring.work import Entry, Exchange, Group, Item, Lane, Said, Told, Work

_LOG = logging.getLogger("podium.scorer")
_SLICE = 192 * 1024
"""Bodies of about so many bytes are read in one turn; others that have come meanwhile hear soon whether they may."""
_ENOUGH = 64
"""So many requests do not wait for the end of a sync."""
_encode = msgspec.json.encode


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
        self._turn = 0
        self._started = 0.0
        self._desk = settle.Desk(parts, loop, self.gate, self._woken)
        self._together = together.Together(parts, loop, self._desk, self._strict)
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
        large: bool = False,
        traces: Sequence[Trace] = (),
    ) -> None:
        """Score rows that came by another way than HTTP with the others of this turn; `large` ones by themselves."""
        started = time.perf_counter()
        try:
            place = self._named(place)
            loaded, deciding = self._deciding(place)
        except PodiumError as error:
            self._desk.count(place.endpoint, problem.status_of(error), started)
            told(error)
            return
        asked = self._asked(place, deciding, {})
        group = None if large else self._joining.find(loaded)
        if group is None:
            group = Group(place.endpoint, loaded, deciding, started)
            group.level = self.gate.bytes
        counted = partial(self._counted, group, told)

        def enter() -> Entry:
            made = _entry(read(asked), asked.signature, counted)
            group.traces.extend(traces)
            return made

        if large:
            self._loop.run_in_executor(None, enter).add_done_callback(partial(self._entered, group, counted))
            return
        try:
            self._joining.add(group, enter())
        except PodiumError as error:
            counted(error)

    def _entered(self, group: Group, told: Told, entering: "asyncio.Future[Entry]") -> None:
        error = entering.exception()
        if isinstance(error, Exception):
            if not isinstance(error, PodiumError):
                _LOG.error("a request failed", exc_info=error)
            told(error)
            return
        group.entries.append(entering.result())
        self._together.score(group)

    def _counted(self, group: Group, told: Said, scored: request.Scored | Exception) -> None:
        error = scored if isinstance(scored, PodiumError) else Unavailable("The scorer failed; its log says why.")
        good = isinstance(scored, request.Scored)
        self._desk.count(group.endpoint, 200 if good else problem.status_of(error), group.started)
        told(scored if isinstance(scored, request.Scored) else error)

    def _run(self) -> None:
        """The turn's end: let in what there is room for; read and score a slice of it, so that turns stay short."""
        self._scheduled = False
        for group in self._joining.take():
            self._together.score(group)
        if self._items:
            self._admit()
        if not self._queue:
            return
        self._turn += 1
        self._started, items = self._queue.popleft()
        items, later = _slice(items)
        if later:
            self._queue.appendleft((self._started, later))
        if self._queue:
            self._schedule()
        for group in self._gather(items):
            if group.requests:
                self._together.score(group)

    def _gather(self, items: list[Item]) -> list[Group]:
        """Read the requests into groups; whoever sent a wrong one is told."""
        groups: list[Group] = []
        for item in items:
            work: Work = item[2].work
            lane = work.lane
            try:
                if lane is None or lane.turn != self._turn:
                    lane = self._lane(work, groups)
                if work.watched:
                    _trace(item, lane.group)
                found = lane.read(item[3])
                if isinstance(found, tuple):  # one plain row, as nearly all are
                    lane.group.items.append(item)
                    lane.group.rows.append((*found[:3], work.request_id) if work.request_id else found)
                else:
                    self._read(item, lane, found)
            except Exception as error:  # noqa: BLE001 - one request's fault is not another's
                self._desk.refuse(item, error)
        return groups

    def _admit(self) -> None:
        """What came in this turn joins the queue, the last first, as far as there is room; the rest hears so now."""
        items, self._items = self._items, []
        first = len(items) - self.gate.admit([len(item[3]) for item in reversed(items)], self._started)
        if first:
            self._desk.turn_away(items[:first], self._started)
        if first < len(items):
            self._queue.append((self._started, items[first:]))

    def _read(self, item: Item, lane: Lane, found: compiled.Many | None) -> None:
        """Put a request that is not one plain row into its group."""
        if len(item[3]) > reader.LARGE:
            self._aside(item, lane, lane.group)
            return
        entry = None if found is None else self._many(item, lane, found)
        lane.group.entries.append(self._strict(item, lane) if entry is None else entry)

    def _lane(self, work: Work, groups: list[Group]) -> Lane:
        """The lane of a head for this turn, in the group of the rollout in force."""
        place = self._named(work.place)
        loaded, deciding = self._deciding(place)
        lane = work.lane
        if lane is None or lane.loaded is not loaded or lane.asked.endpoint != place.endpoint:
            lane = work.lane = Lane(loaded, self._asked(place, deciding, work.headers), work)
        group = next((each for each in groups if each.loaded is loaded), None)
        if group is None:
            group = Group(place.endpoint, loaded, deciding, self._started)
            group.level = self.gate.bytes
            groups.append(group)
        lane.turn, lane.group = self._turn, group
        return lane

    def _named(self, place: routes.Place) -> routes.Place:
        return place if place.endpoint else place._replace(endpoint=operate.only_endpoint(self._parts.board))

    def _deciding(self, place: routes.Place) -> tuple[engine.Loaded, engine.Deciding]:
        loaded = operate.loaded(self._parts.board, place)
        deciding = loaded.deciding(self._parts.now())
        if place.version and (deciding.canary is not None or place.version != str(deciding.champion.route.version)):
            raise Conflict(
                "The rollout chooses the version of each row.",
                field="version",
                fix="Leave the version out of the path.",
            )
        return loaded, deciding

    def _asked(self, place: routes.Place, deciding: engine.Deciding, headers: Any) -> codec.Asked:
        signature = deciding.champion.runtime.manifest.signature
        return codec.Asked(place.endpoint, signature, headers, self._parts.new_id)

    def _strict(self, item: Item, lane: Lane) -> Entry:
        """The rows as the strict reader gives them; it raises what is wrong with them."""
        work: Work = item[2].work
        rows = work.codec.read(item[3], lane.asked)
        entry = _entry(rows, lane.asked.signature, partial(self._desk.tell, item, lane))
        if work.fast:
            lane.reader.learn(rows.columns)
        return entry

    def _many(self, item: Item, lane: Lane, found: compiled.Many) -> Entry | None:
        """The rows as a compiled reader gave them; None when the strict one must have a look."""
        filled = compiled.fill(found)
        if lane.reader.checks.doubtful(filled.numbers) is not None:
            return None
        work: Work = item[2].work
        request_id = found.request_id or work.request_id or self._parts.new_id("req")

        def again(other: Signature) -> Grid:
            return work.codec.read(item[3], lane.asked).grid(other)

        return Entry(request_id, list(found.keys or ()), filled, again, None, partial(self._desk.tell, item, lane))

    def _aside(self, item: Item, lane: Lane, group: Group) -> None:
        """Read and score a large body on a thread; its rows are logged like all others."""
        alone = Group(group.endpoint, group.loaded, group.deciding, group.started)
        alone.level = group.level
        if isinstance(item[0], Followed):
            alone.traces.append(item[0].trace)

        def read() -> Entry:
            found = lane.reader.read_any(item[3]) if item[2].work.fast else None
            entry = self._many(item, lane, found) if isinstance(found, compiled.Many) else None
            return self._strict(item, lane) if entry is None else entry

        def then(reading: asyncio.Future[Entry]) -> None:
            error = reading.exception()
            if error is not None:
                self._desk.refuse(item, error)
                return
            alone.entries.append(reading.result())
            self._together.score(alone)

        self._loop.run_in_executor(None, read).add_done_callback(then)


def _trace(item: Item, group: Group) -> None:
    if isinstance(item[0], Followed):
        group.traces.append(item[0].trace)


def _slice(items: list[Item]) -> tuple[list[Item], list[Item]]:
    """The first of them, up to a slice's size, and the rest."""
    size = 0
    for at, item in enumerate(items):
        size += len(item[3])
        if size > _SLICE and at:
            return items[:at], items[at:]
    return items, []


def _entry(rows: request.Rows, signature: Signature, told: Told) -> Entry:
    """An entry of rows as a codec gives them; `Invalid` when they do not fit the signature."""
    return Entry(rows.request_id, rows.keys(signature.key), rows.grid(signature), rows.grid, rows.wanted, told)
