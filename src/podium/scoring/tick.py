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
from concurrent.futures import Future
from functools import partial
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from podium.bundle import grid
from podium.bundle.engines import caller
from podium.bundle.grid import Grid
from podium.core.errors import Conflict, Invalid, PodiumError, Unavailable
from podium.core.rollout import Durability
from podium.core.signature import Signature
from podium.scoring import admission, answers, codec, engine, operate, request, routes, waiting
from podium.scoring.call import Answer
from podium.scoring.operate import Parts
from podium.scoring.protocols import compiled, problem, reader
from podium.scoring.watch import Followed
from podium.scoring.work import Entry, Exchange, Group, Item, Lane, Said, Told, Work

_LOG = logging.getLogger("podium.scorer")
_MANY = 4096
"""More rows than that are scored on a thread."""
_SLICE = 192 * 1024
"""Bodies of about so many bytes are read in one turn; others that have come meanwhile hear soon whether they may."""
_TOO_MANY = answers.too_many()
_ENOUGH = 24
"""So many requests do not wait for the end of a sync."""
_encode = msgspec.json.encode


class Tick:
    """Gathers requests until the end of the loop's turn."""

    def __init__(self, parts: Parts, loop: asyncio.AbstractEventLoop) -> None:
        self.gate = admission.Gate()
        self._parts = parts
        self._loop = loop
        self._threads = waiting.Threads()
        self._items: list[Item] = []
        self._queue: deque[tuple[float, list[Item]]] = deque()
        """Let in and not yet read, with when they came."""
        self._scheduled = False
        self._turn = 0
        self._started = 0.0
        self._acks: deque[Callable[[], None]] = deque()
        self._telling = False
        self._holding = False

    def take(self, exchange: Exchange, number: int, head: Any, body: bytes) -> None:
        """Score the rows in that body with the others of this turn."""
        items = self._items
        if not items:
            self._started = time.perf_counter()
        items.append((exchange, number, head, body))
        if not self._scheduled:
            lane = head.work.lane
            if len(items) < _ENOUGH and lane is not None and lane.durable and self._parts.log.busy:
                self._holding = True
            else:
                self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self._holding = False
        self._loop.call_soon(self._run)

    def infer(
        self, place: routes.Place, read: Callable[[codec.Asked], request.Rows], told: Said, *, large: bool = False
    ) -> None:
        """Score rows that came by another way than HTTP; `large` ones are read on a thread."""
        started = time.perf_counter()
        try:
            place = self._named(place)
            loaded, deciding = self._deciding(place)
        except PodiumError as error:
            self._count(place.endpoint, problem.status_of(error), started)
            told(error)
            return
        asked = self._asked(place, deciding, {})
        group = Group(place.endpoint, loaded, deciding, started)
        group.level = self.gate.bytes
        counted = partial(self._counted, group, told)

        def enter() -> Entry:
            return _entry(read(asked), asked.signature, counted)

        if large:
            self._loop.run_in_executor(None, enter).add_done_callback(partial(self._entered, group, counted))
            return
        try:
            group.entries.append(enter())
        except PodiumError as error:
            counted(error)
            return
        self._score(group)

    def _entered(self, group: Group, told: Told, entering: "asyncio.Future[Entry]") -> None:
        error = entering.exception()
        if isinstance(error, Exception):
            if not isinstance(error, PodiumError):
                _LOG.error("a request failed", exc_info=error)
            told(error)
            return
        group.entries.append(entering.result())
        self._score(group)

    def _counted(self, group: Group, told: Said, scored: request.Scored | Exception) -> None:
        error = scored if isinstance(scored, PodiumError) else Unavailable("The scorer failed; its log says why.")
        good = isinstance(scored, request.Scored)
        self._count(group.endpoint, 200 if good else problem.status_of(error), group.started)
        told(scored if isinstance(scored, request.Scored) else error)

    def _run(self) -> None:
        """The turn's end: let in what there is room for; read and score a slice of it, so that turns stay short."""
        self._scheduled = False
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
            self._score(group)

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
                self._refuse(item, error)
        return groups

    def _admit(self) -> None:
        """What came in this turn joins the queue, as far as there is room; the rest hears so at once."""
        items, self._items = self._items, []
        admitted = self.gate.admit([len(item[3]) for item in items], self._started)
        for exchange, number, head, _ in items[admitted:]:
            self._count(head.work.endpoint, _TOO_MANY.status, self._started)
            exchange.answer(number, _TOO_MANY, head)
        if admitted:
            self._queue.append((self._started, items[:admitted]))

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
        entry = _entry(rows, lane.asked.signature, partial(self._tell, item, lane))
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

        return Entry(request_id, list(found.keys or ()), filled, again, None, partial(self._tell, item, lane))

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
                self._refuse(item, error)
                return
            alone.entries.append(reading.result())
            self._score(alone)

        self._loop.run_in_executor(None, read).add_done_callback(then)

    def _score(self, group: Group) -> None:
        """Score a group's rows, on a thread when that takes long."""
        try:
            batch = self._batch(group)
        except Exception as error:  # noqa: BLE001 - the group's requests are told
            self._failed(group, error)
            return
        if group.deciding.blocking or len(batch.keys) > _MANY:
            threads = self._threads.of(group.endpoint) if group.deciding.blocking else None
            scoring = self._loop.run_in_executor(threads, _score, group, batch)
            scoring.add_done_callback(partial(self._later, group, batch))
            return
        try:
            outcome = group.loaded.score(batch, group.deciding)
        except Exception as error:  # noqa: BLE001 - told apart below
            self._unscored(group, batch, error)
            return
        self._log(group, batch, outcome)

    def _later(self, group: Group, batch: engine.Batch, scoring: "asyncio.Future[engine.Outcome]") -> None:
        error = scoring.exception()
        if isinstance(error, Exception):
            self._unscored(group, batch, error)
        else:
            self._log(group, batch, scoring.result())

    def _batch(self, group: Group) -> engine.Batch:
        """The rows of all: first the single ones, then the others in their order."""
        grids: list[Grid] = []
        ids: list[str] = []
        keys: list[str] = []
        if group.items:
            made, ids, keys = self._singles(group)
            grids.append(made)
        predictions = [f"{request_id}/0" for request_id in ids]
        for entry in group.entries:
            grids.append(entry.grid)
            rows = len(entry.keys)
            keys += entry.keys
            ids += [entry.request_id] * rows
            predictions += request.prediction_ids(entry.request_id, rows)
        again = partial(_again, self._parts, [*group.items], [*group.entries], group)
        return engine.Batch(ids, predictions, keys, grid.join(grids), again, self._parts.now())

    def _singles(self, group: Group) -> tuple[Grid, list[str], list[str]]:
        """Grid, request ids and keys of the single rows. Doubtful ones go to the strict reader."""
        checks = next(iter(group.loaded.readers.values())).checks
        while group.rows:
            numbers, texts, keys, ids = zip(*group.rows, strict=True)
            made = np.array(numbers, dtype=np.float64)
            doubt = checks.doubtful(made)
            if doubt is None:
                return Grid(made, np.array(texts, dtype=object)), self._identified(ids), list(keys)
            self._reread(group, doubt.tolist())
        order = group.deciding.champion.runtime.order
        return Grid(np.empty((0, len(order.numbers))), np.empty((0, len(order.texts)), dtype=object)), [], []

    def _identified(self, given: Sequence[str]) -> list[str]:
        """Those that were sent, and new ones where none was."""
        nameless = given.count("")
        fresh = self._parts.new_ids("req", nameless)
        if nameless == len(given):
            return fresh
        rest = iter(fresh)
        return [each or next(rest) for each in given]

    def _reread(self, group: Group, flags: list[bool]) -> None:
        """Take the doubtful rows out of the single ones."""
        doubtful = [item for item, flag in zip(group.items, flags, strict=True) if flag]
        group.items = [item for item, flag in zip(group.items, flags, strict=True) if not flag]
        group.rows = [row for row, flag in zip(group.rows, flags, strict=True) if not flag]
        for item in doubtful:
            try:
                group.entries.append(self._strict(item, item[2].work.lane))
            except Exception as error:  # noqa: BLE001 - one request's fault is not another's
                self._refuse(item, error)

    def _unscored(self, group: Group, batch: engine.Batch, error: Exception) -> None:
        """Tell those who are to blame; score the others again."""
        if isinstance(error, engine.NoAnswer):
            self._without(group, batch, error.wrong)
        elif isinstance(error, Unavailable) or group.requests == 1:
            self._failed(group, error)
        else:
            for alone in self._apart(group, batch):
                self._score(alone)

    def _apart(self, group: Group, batch: engine.Batch) -> list[Group]:
        """Each request in a group of its own, with the rows that it has in the batch."""
        apart = []
        for at, item in enumerate(group.items):
            rows = grid.take(batch.grid, slice(at, at + 1))
            again = partial(_again, self._parts, [item], [], group)
            told = partial(self._tell, item, item[2].work.lane)
            apart.append(group.alone(Entry(batch.request_ids[at], [batch.keys[at]], rows, again, None, told)))
        return apart + [group.alone(entry) for entry in group.entries]

    def _without(self, group: Group, batch: engine.Batch, wrong: npt.NDArray[np.bool_]) -> None:
        at = 0
        for alone in self._apart(group, batch):
            (entry,) = alone.entries
            rows = wrong[at : at + len(entry.keys)]
            at += len(entry.keys)
            if rows.any():
                entry.told(
                    Invalid(
                        f"The model has no answer for row {int(rows.argmax())}.",
                        field="score",
                        fix="Send the features that are null, or less extreme ones.",
                    )
                )
            else:
                self._score(alone)

    def _failed(self, group: Group, error: Exception) -> None:
        for item in group.items:
            self._refuse(item, error)
        for entry in group.entries:
            entry.told(error)

    def _log(self, group: Group, batch: engine.Batch, outcome: engine.Outcome) -> None:
        """Log what was decided; the answers are written meanwhile, and leave when it is on disk."""
        durable = group.loaded.document.durability is Durability.DURABLE
        logged = self._parts.log.append(outcome.parts, durable=durable)
        texts = _texts(group, batch, outcome)
        settle = partial(self._settle, group, batch, outcome, texts, logged)
        if logged.done():
            settle()
        else:
            logged.add_done_callback(lambda _: self._acknowledge(settle))

    def _acknowledge(self, settle: Callable[[], None]) -> None:
        """Called by the log's thread: one wake-up of the loop for all that one sync has made durable."""
        self._acks.append(settle)
        if not self._telling:
            self._telling = True
            self._loop.call_soon_threadsafe(self._acknowledged)

    def _acknowledged(self) -> None:
        self._telling = False
        while self._acks:
            self._acks.popleft()()
        if self._holding:
            self._schedule()

    def _settle(
        self, group: Group, batch: engine.Batch, outcome: engine.Outcome, texts: list[str], logged: "Future[None]"
    ) -> None:
        error = logged.exception()
        if isinstance(error, Exception):
            self._failed(group, error)
            return
        now = time.perf_counter()
        self.gate.measure(group.level, now - group.started, now)
        singles = len(group.items)
        size = 0
        for (exchange, number, _, body), text in zip(group.items, texts, strict=True):
            exchange.text(number, text)
            size += len(body)
        if singles:
            counts = self._parts.counts
            counts.count("podium_requests_total", singles, endpoint=group.endpoint, status="200")
            counts.observe(group.endpoint, now - group.started, singles)
            self.gate.leave(singles, size)
        at = singles
        for entry in group.entries:
            entry.told(_scored(entry, batch, outcome, at))
            at += len(entry.keys)
        self._count_rows(outcome)
        if outcome.referred is not None:
            self._parts.counts.count("podium_referred_total", sum(outcome.referred), endpoint=group.endpoint)
        self._parts.shadows.submit(group.loaded, batch)

    def _count_rows(self, outcome: engine.Outcome) -> None:
        for part in outcome.parts:
            self._parts.counts.count(
                "podium_predictions_total",
                len(part),
                endpoint=part.source.endpoint,
                version=str(part.source.version),
                role=part.source.role,
            )

    def _tell(self, item: Item, lane: Lane, scored: request.Scored | Exception) -> None:
        """Answer an HTTP request that did not come the fast way."""
        if not isinstance(scored, request.Scored):
            self._refuse(item, scored)
            return
        exchange, number, head, body = item
        written = head.work.codec.write(scored, lane.asked)
        self._count(lane.asked.endpoint, 200, lane.group.started)
        self.gate.leave(1, len(body))
        exchange.answer(number, Answer(200, written.body, written.media, written.headers), head)

    def _refuse(self, item: Item, error: BaseException) -> None:
        exchange, number, head, body = item
        if not isinstance(error, PodiumError):
            _LOG.error("a request failed", exc_info=error)
        answer = answers.of(error) if isinstance(error, PodiumError) else answers.broken()
        self.gate.leave(1, len(body))
        self._count(head.work.endpoint, answer.status, self._started)
        exchange.answer(number, answer, head)

    def _count(self, endpoint: str, status: int, started: float) -> None:
        named = endpoint if self._parts.board.serves(endpoint) else ""
        self._parts.counts.count("podium_requests_total", endpoint=named, status=str(status))
        if named:
            self._parts.counts.observe(named, time.perf_counter() - started)


def _score(group: Group, batch: engine.Batch) -> engine.Outcome:
    """Score on a thread; an engine that asks others says on behalf of which trace, if it is one."""
    if len(group.traces) != 1 or group.requests != 1:
        return group.loaded.score(batch, group.deciding)
    before = caller.TRACE.set(group.traces[0].outgoing())
    try:
        return group.loaded.score(batch, group.deciding)
    finally:
        caller.TRACE.reset(before)


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


def _again(parts: Parts, items: Sequence[Item], entries: Sequence[Entry], group: Group, other: Signature) -> Grid:
    """The same rows, read again for another signature."""
    grids = []
    for _, _, head, body in items:
        asked = codec.Asked(group.endpoint, other, head.work.headers, parts.new_id)
        grids.append(head.work.codec.read(body, asked).grid(other))
    return grid.join([*grids, *(entry.again(other) for entry in entries)])


def _texts(group: Group, batch: engine.Batch, outcome: engine.Outcome) -> list[str]:
    """The answers to single rows."""
    count = len(group.items)
    if not count:
        return []
    scores = _encode(outcome.scores[:count].tolist())[1:-1].decode().split(",")
    made = []
    rows = zip(
        group.items, batch.request_ids, batch.prediction_ids, scores, outcome.versions, outcome.decisions, strict=False
    )
    for item, request_id, prediction_id, score, version, decision in rows:
        work = item[2].work
        template = work.lane.templates.get((version, decision)) or work.lane.template(work.codec, version, decision)
        if '"' in request_id or "\\" in request_id:
            request_id, prediction_id = _escaped(request_id), _escaped(prediction_id)
        made.append(template.fill(request_id, prediction_id, score))
    return made


def _escaped(text: str) -> str:
    return _encode(text).decode()[1:-1]


def _scored(entry: Entry, batch: engine.Batch, outcome: engine.Outcome, at: int) -> request.Scored:
    """One request's part of the outcome."""
    end = at + len(entry.keys)
    return request.Scored(
        request_id=entry.request_id,
        prediction_ids=batch.prediction_ids[at:end],
        scores=outcome.scores[at:end].tolist(),
        decisions=outcome.decisions[at:end],
        versions=outcome.versions[at:end],
        wanted=entry.wanted,
        referred=None if outcome.referred is None else outcome.referred[at:end],
    )
