"""Logging what was decided, and answering: the answers leave when the rows are on disk."""

import asyncio
import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from podium.core.errors import PodiumError, Unavailable
from podium.core.rollout import Durability
from podium.scoring import admission, answers, call, engine, request, template
from podium.scoring.call import Answer
from podium.scoring.operate import Parts
from podium.scoring.work import Entry, Group, Item, Lane

_LOG = logging.getLogger("podium.scorer")


class Desk:
    """Where requests are answered. `woken` is called when a sync has ended and all that it made durable is answered."""

    def __init__(
        self, parts: Parts, loop: asyncio.AbstractEventLoop, gate: admission.Gate, woken: Callable[[], None]
    ) -> None:
        self._parts = parts
        self._loop = loop
        self._gate = gate
        self._woken = woken
        self._acks: deque[Callable[[], None]] = deque()
        self._telling = False

    def failed(self, group: Group, error: Exception) -> None:
        group.over()
        for item in group.items:
            self.refuse(item, group.started, error)
        for entry in group.entries:
            entry.told(error)

    def log(self, group: Group, batch: engine.Batch, outcome: engine.Outcome) -> None:
        """Log what was decided; the answers are written meanwhile, and leave when it is on disk."""
        ready: list[bytes] = []
        sizes = group.sizes()
        settle = partial(self._settle, group, batch, outcome, ready, sizes)
        try:
            if len(outcome.versions) != len(batch.keys):
                raise ValueError("not as many scores as rows")
            if group.loaded.document.durability is Durability.DURABLE:
                self._parts.log.append(outcome.parts, durable=True, then=partial(self._acknowledge, settle))
                ready += _answers(group, batch, outcome)  # in time: what is on disk is settled in a later turn
            else:
                ready += _answers(group, batch, outcome)
                self._parts.log.append(outcome.parts, durable=False, then=settle, size=sum(sizes))
        except Exception as error:  # noqa: BLE001 - a fault of ours; its rows may be logged, its callers hear of it
            self.failed(group, error)
            group.items, group.entries = [], []

    def _acknowledge(self, settle: Callable[[Unavailable | None], None], refused: Unavailable | None) -> None:
        """Called by the log's thread: one wake-up of the loop for all that one sync has made durable."""
        self._acks.append(partial(settle, refused))
        if not self._telling:
            self._telling = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody to be told
                self._loop.call_soon_threadsafe(self._acknowledged)

    def _acknowledged(self) -> None:
        self._telling = False
        while self._acks:
            try:
                self._acks.popleft()()
            except Exception:  # noqa: BLE001 - whatever is wrong with some requests, the others have their answers
                _LOG.exception("requests could not be settled")
        self._woken()

    def _settle(
        self,
        group: Group,
        batch: engine.Batch,
        outcome: engine.Outcome,
        ready: list[bytes],
        sizes: tuple[int, int],
        refused: Unavailable | None,
    ) -> None:
        if refused is not None:
            self.failed(group, refused)
            return
        group.over()
        now = time.perf_counter()
        if not group.large:  # how long that takes says nothing of how many there are
            self._gate.measure(group.level, now - group.started - group.waited, now)
        singles = len(group.items)
        for (exchange, number, _, _), sized in zip(group.items, ready, strict=False):
            try:
                exchange.ready(number, sized)
            except Exception:  # noqa: BLE001 - whatever is wrong with a connection, the others have their answers
                _LOG.exception("an answer could not be given")
        if singles:
            self._count_singles(group, now - group.started)
            self._gate.leave(singles, sizes[0])
        at = singles
        for entry in group.entries:
            self._tell(entry, batch, outcome, at)
            at += len(entry.keys)
        self._count_rows(outcome)
        if outcome.referred is not None:
            self._parts.counts.count("podium_referred_total", sum(outcome.referred), endpoint=group.endpoint)
        self._parts.shadows.submit(group.loaded, batch, sum(sizes))

    def _tell(self, entry: Entry, batch: engine.Batch, outcome: engine.Outcome, at: int) -> None:
        try:
            entry.told(_scored(entry, batch, outcome, at))
        except Exception as error:  # noqa: BLE001 - one answer that cannot be written is no other's fault
            entry.told(error)

    def _count_singles(self, group: Group, seconds: float) -> None:
        lanes = group.lanes
        if len(lanes) == 1:
            (lane,) = lanes.values()
            self._parts.counts.answered(lane.good, len(group.items), seconds)
            return
        for good, requests in Counter([lanes[item[2].work].good for item in group.items]).items():
            self._parts.counts.answered(good, requests, seconds)

    def _count_rows(self, outcome: engine.Outcome) -> None:
        for part in outcome.parts:
            self._parts.counts.count(
                "podium_predictions_total",
                len(part),
                endpoint=part.source.endpoint,
                version=str(part.source.version),
                role=part.source.role,
            )

    def tell(self, item: Item, lane: Lane, started: float, scored: request.Scored | Exception) -> None:
        """Answer an HTTP request that did not come the fast way, but then."""
        if not isinstance(scored, request.Scored):
            self.refuse(item, started, scored)
            return
        exchange, number, head, body = item
        written = head.work.codec.write(scored, lane.asked)
        self._parts.answered(lane.good, 200, started)
        self._gate.leave(1, len(body))
        exchange.answer(number, Answer(200, written.body, written.media, written.headers), head)

    def refuse(self, item: Item, started: float, error: BaseException) -> None:
        """Tell why a request that came then has no good answer."""
        exchange, number, head, body = item
        if not isinstance(error, PodiumError):
            _LOG.error("a request failed", exc_info=error)
        answer = answers.of(error) if isinstance(error, PodiumError) else answers.broken()
        self._gate.leave(1, len(body))
        self._parts.answered(head.work.asked, answer.status, started)
        exchange.answer(number, answer, head)

    def turn_away(self, items: Sequence[Item], started: float) -> None:
        """Tell these that there are too many."""
        for exchange, number, head, _ in items:
            exchange.answer(number, answers.TOO_MANY, head)
        for work, requests in Counter([head.work for _, _, head, _ in items]).items():
            self._parts.answered(work.asked, answers.TOO_MANY.status, started, requests)


def _answers(group: Group, batch: engine.Batch, outcome: engine.Outcome) -> list[bytes]:
    """The answers to single rows, each behind its length."""
    items = group.items
    if not items:
        return []
    if outcome.classed is not None:
        return [_written(item, group, batch, outcome, at) for at, item in enumerate(items)]
    lanes = group.lanes
    rows = zip(items, outcome.versions, outcome.decisions, strict=False)
    try:
        plans = [lanes[item[2].work].plans[version, decision] for item, version, decision in rows]
    except KeyError:  # none was answered so before
        rows = zip(items, outcome.versions, outcome.decisions, strict=False)
        plans = [lanes[item[2].work].plan(item[2].work.codec, version, decision) for item, version, decision in rows]
    return template.fill(plans, batch.request_ids, batch.prediction_ids, outcome.scores[: len(items)].tolist())


def _written(item: Item, group: Group, batch: engine.Batch, outcome: engine.Outcome, at: int) -> bytes:
    """The answer to a single row of several classes, by its codec."""
    work = item[2].work
    scored = _part(batch.request_ids[at], None, batch, outcome, slice(at, at + 1))
    return call.sized(work.codec.write(scored, group.lanes[work].asked).body)


def _scored(entry: Entry, batch: engine.Batch, outcome: engine.Outcome, at: int) -> request.Scored:
    """One request's part of the outcome."""
    return _part(entry.request_id, entry.wanted, batch, outcome, slice(at, at + len(entry.keys)))


def _part(request_id: str, wanted: Any, batch: engine.Batch, outcome: engine.Outcome, rows: slice) -> request.Scored:
    return request.Scored(
        request_id=request_id,
        prediction_ids=batch.prediction_ids[rows],
        scores=outcome.scores[rows].tolist(),
        decisions=outcome.decisions[rows],
        versions=outcome.versions[rows],
        wanted=wanted,
        referred=None if outcome.referred is None else outcome.referred[rows],
        classed=None if outcome.classed is None else outcome.classed.part(rows),
    )
