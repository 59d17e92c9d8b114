"""Scoring a group: its rows in one call of the engine; who is wrong is told, and the others are scored without him."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from podium.bundle import grid
from podium.bundle.engines import caller
from podium.bundle.grid import Grid
from podium.core.errors import Invalid, Unavailable
from podium.core.signature import Signature
from podium.scoring import admission, codec, engine, reading, request, settle, threads, turns, waiting
from podium.scoring.operate import Parts
from podium.scoring.protocols import plan
from podium.scoring.work import Entry, Group, Item

_MANY = 4096
"""More rows than that are scored on a thread,"""
_LONG_SECONDS = 0.05
"""and those that will take longer: meanwhile the loop answers others."""


class Together:
    """Scores groups. `strict`: reads a request by the strict reader."""

    def __init__(
        self,
        parts: Parts,
        loop: asyncio.AbstractEventLoop,
        desk: settle.Desk,
        strict: Callable[[Item, Group], Entry],
        lines: waiting.Lines,
    ) -> None:
        self._parts = parts
        self._loop = loop
        self._desk = desk
        self._strict = strict
        self._lines = lines
        self._large = turns.Turns(1)
        """Until they are answered, so that their rows do not wait for the log together."""
        self._threads = threads.Pool(os.cpu_count() or 1, thread_name_prefix="podium-many")

    def score(self, group: Group, *, admitted: bool = False) -> None:
        """Score a group's rows, on a thread when that takes long.

        Where its model keeps it waiting, some of its requests may be turned away, unless they are `admitted`.
        """
        if group.large and not group.deciding.blocking:
            self._large.take(partial(self._score_large, group))
            return
        group.begun()
        group.back()
        try:
            batch = self._batch(group)
        except Exception as error:  # noqa: BLE001 - the group's requests are told
            self._desk.failed(group, error)
            return
        if group.deciding.blocking or len(batch.keys) * group.loaded.row_seconds > _LONG_SECONDS:
            self._wait(group, batch if admitted else self._admit(group, batch))
            return
        if len(batch.keys) > _MANY:
            scoring = threads.run(self._loop, self._threads, _on_a_thread, group, batch)
            scoring.add_done_callback(partial(self._later, group, batch))
            return
        try:
            outcome = _timed(group, batch)
        except Exception as error:  # noqa: BLE001 - told apart below
            self._unscored(group, batch, error)
            return
        self._desk.log(group, batch, outcome)

    def _score_large(self, group: Group, done: turns.Done) -> None:
        """Score a large request on a thread, where its batch is made as well."""
        group.begun()
        group.ended = done

        def score() -> tuple[engine.Batch, engine.Outcome | Exception]:
            batch = self._batch(group)
            try:
                return batch, _on_a_thread(group, batch)
            except Exception as error:  # noqa: BLE001 - told apart later
                return batch, error

        def then(scoring: "asyncio.Future[tuple[engine.Batch, engine.Outcome | Exception]]") -> None:
            group.back()
            failed = scoring.exception()
            if isinstance(failed, Exception):
                self._desk.failed(group, failed)
                return
            batch, outcome = scoring.result()
            if isinstance(outcome, Exception):
                self._unscored(group, batch, outcome)
                group.over()
            else:
                self._desk.log(group, batch, outcome)

        threads.run(self._loop, self._threads, score).add_done_callback(then)

    def _admit(self, group: Group, batch: engine.Batch) -> engine.Batch:
        """Turn away those of the group whom its model would keep waiting for too long; the rows of the others."""
        admitted = self._lines.of(group.endpoint).admit(group.bodies(), time.perf_counter())
        if admitted == group.requests:
            return batch
        items, entries = group.items, group.entries
        group.items = items[:admitted]
        group.entries = entries[: admitted - len(group.items)]
        group.traces = []  # nobody knows whose they were
        crowded = admission.Crowded("The model")
        for item in items[len(group.items) :]:
            self._desk.refuse(item, group.started, crowded)
        for entry in entries[len(group.entries) :]:
            entry.told(crowded)
        again = partial(_again, self._parts, [*group.items], [*group.entries], group)
        return batch.first(len(group.items) + sum([len(entry.keys) for entry in group.entries]), again)

    def _wait(self, group: Group, batch: engine.Batch) -> None:
        """Score a group on a thread, while nobody else is kept from coming in: one of its endpoint's where another
        process does the work."""
        if not group.requests:
            group.over()
            return
        line = self._lines.of(group.endpoint)
        entered = time.perf_counter()
        level = line.enter(group.bodies())

        def then(scoring: "asyncio.Future[engine.Outcome]") -> None:
            now = time.perf_counter()
            line.leave(group.bodies(), level, now - group.started, now)
            group.waited += now - entered
            self._later(group, batch, scoring)

        executor = line.threads if group.deciding.blocking else self._threads
        waited = entered - group.started if group.large else 0.0  # since before they were read
        threads.run(self._loop, executor, waiting.queued(_on_a_thread, waited), group, batch).add_done_callback(then)

    def _later(self, group: Group, batch: engine.Batch, scoring: "asyncio.Future[engine.Outcome]") -> None:
        error = scoring.exception()
        if isinstance(error, Exception):
            self._unscored(group, batch, error)
            group.over()
        else:
            self._desk.log(group, batch, scoring.result())

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
        made = plan.joined(([plan.singles(group.rows)] if group.rows else []) + group.blocks)
        checks = next(iter(group.loaded.readers.values())).checks
        doubt = None if made.certain else checks.doubtful(made.grid.numbers)
        if doubt is not None:
            made = plan.without(made, doubt)
            self._reread(group, doubt.tolist())
        return made.grid, self._identified(made.ids), made.keys

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
        for item in doubtful:
            try:
                group.entries.append(self._strict(item, group))
            except Exception as error:  # noqa: BLE001 - one request's fault is not another's
                reading.leaves(item, group)
                self._desk.refuse(item, group.started, error)

    def _unscored(self, group: Group, batch: engine.Batch, error: Exception) -> None:
        """Tell those who are to blame; score the others again."""
        if isinstance(error, engine.NoAnswer):
            self._without(group, batch, error.wrong)
        elif isinstance(error, Unavailable) or group.requests == 1:
            self._desk.failed(group, error)
        else:
            for alone in self._apart(group, batch):
                self.score(alone, admitted=True)

    def _apart(self, group: Group, batch: engine.Batch) -> list[Group]:
        """Each request in a group of its own, with the rows that it has in the batch."""
        apart = []
        for at, item in enumerate(group.items):
            rows = grid.take(batch.grid, slice(at, at + 1))
            again = partial(_again, self._parts, [item], [], group)
            told = partial(self._desk.tell, item, group.lanes[item[2].work], group.started)
            one = Entry(batch.request_ids[at], [batch.keys[at]], rows, again, None, told, len(item[3]))
            apart.append(group.alone(one))
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
                self.score(alone, admitted=True)


def _on_a_thread(group: Group, batch: engine.Batch) -> engine.Outcome:
    """Score; an engine that asks others says on behalf of which trace, if it is one."""
    if len(group.traces) != 1 or group.requests != 1:
        return _timed(group, batch)
    before = caller.TRACE.set(group.traces[0].outgoing())
    try:
        return _timed(group, batch)
    finally:
        caller.TRACE.reset(before)


def _timed(group: Group, batch: engine.Batch) -> engine.Outcome:
    """Score, and learn how long that takes."""
    begun = time.perf_counter()
    outcome = group.loaded.score(batch, group.deciding)
    group.loaded.learn(len(batch.keys), time.perf_counter() - begun)
    return outcome


def _again(parts: Parts, items: Sequence[Item], entries: Sequence[Entry], group: Group, other: Signature) -> Grid:
    """The same rows, read again for another signature."""
    grids = []
    for _, _, head, body in items:
        asked = codec.Asked(group.endpoint, other, head.work.headers, parts.new_id)
        grids.append(head.work.codec.read(body, asked).grid(other))
    return grid.join([*grids, *(entry.again(other) for entry in entries)])
