"""Scoring by shadows off the request's path, and never in its way: what does not fit is counted.

A bounded queue, and one thread of low priority that takes many waiting requests at once. While requests keep coming it
rests sixty times as long as it works, up to a quarter of a second: it takes next to nothing from those who answer, and
keeps up with a few thousand rows a second. What waits is the rows, not the requests that brought them, which would be
many objects to look through for rings.
"""

import contextlib
import os
import threading
import time
from collections import deque
from typing import NamedTuple

from podium.bundle.grid import Grid
from podium.core.errors import PodiumError, Unavailable
from podium.core.signature import Signature
from podium.scoring import engine, metrics
from podium.scoring.log.writer import Writer

MOST_ROWS = 50_000
_AT_ONCE = 256
"""Rows that are scored in one call, about."""
_NICE = 10
_REST = 60.0
_LONGEST_REST = 0.25


class _Item(NamedTuple):
    loaded: engine.Loaded
    batch: engine.Batch

    @property
    def rows(self) -> int:
        return len(self.batch.keys)


class Shadows:
    """The queue. Its rows are logged with the role `shadow` and the request's prediction ids."""

    def __init__(self, log: Writer, counts: metrics.Metrics, most_rows: int = MOST_ROWS) -> None:
        self._log = log
        self._counts = counts
        self._most = most_rows
        self._queue: deque[_Item] = deque()
        self._rows = 0
        self._busy = False
        self._draining = 0
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="podium-shadow", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Rows in the queue."""
        return self._rows

    def submit(self, loaded: engine.Loaded, batch: engine.Batch) -> None:
        """Queue decided rows for the rollout's shadows."""
        if not loaded.shadows:
            return
        item = _Item(loaded, _kept(loaded, batch))
        with self._changed:
            if self._rows + item.rows <= self._most and not self._stopping:
                self._queue.append(item)
                self._rows += item.rows
                if len(self._queue) == 1:
                    self._changed.notify_all()
                return
        self._drop([item])

    def drain(self, timeout: float = 60.0) -> bool:
        """Wait until all that is queued now is scored and handed to the log; whether that happened in time."""
        with self._changed:
            self._draining += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._queue and not self._busy, timeout)
            finally:
                self._draining -= 1

    def close(self, timeout: float = 10.0) -> None:
        """Score what is queued, then stop."""
        self.drain(timeout)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # where a thread has no priority of its own, it is as good as the others
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        took = 0.0
        while True:
            with self._changed:
                self._rest(took)
                self._changed.wait_for(lambda: self._queue or self._stopping)
                if not self._queue:
                    return
                items = self._take()
                self._busy = True
            begun = time.perf_counter()
            try:
                self._score(items)
            finally:
                took = time.perf_counter() - begun
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _rest(self, took: float) -> None:
        """Let the others work, unless somebody waits for the queue to empty."""
        if self._queue:
            self._changed.wait_for(lambda: self._draining or self._stopping, min(took * _REST, _LONGEST_REST))

    def _take(self) -> list[_Item]:
        """The first of the queue, with those behind it that the same rollout decided."""
        items = [self._queue.popleft()]
        count = items[0].rows
        while self._queue and self._queue[0].loaded is items[0].loaded and count + self._queue[0].rows <= _AT_ONCE:
            items.append(self._queue.popleft())
            count += items[-1].rows
        self._rows -= count
        return items

    def _score(self, items: list[_Item]) -> None:
        for live in items[0].loaded.shadows:
            try:
                self._score_by(live, items)
            except PodiumError:
                if len(items) == 1:
                    self._drop(items)
                    continue
                for item in items:  # one of them does not fit: the others are scored
                    self._alone(live, item)

    def _alone(self, live: engine.Live, item: _Item) -> None:
        try:
            self._score_by(live, [item])
        except PodiumError:
            self._drop([item])

    def _score_by(self, live: engine.Live, items: list[_Item]) -> None:
        parts = items[0].loaded.shadow(live, [item.batch for item in items])
        self._log.append(parts, durable=False, then=_raise)
        self._counts.count(
            "podium_predictions_total",
            sum(len(part) for part in parts),
            endpoint=live.source.endpoint,
            version=str(live.route.version),
            role="shadow",
        )

    def _drop(self, items: list[_Item]) -> None:
        for item in items:
            self._counts.count("podium_shadow_dropped_total", item.rows, endpoint=item.loaded.document.endpoint)


def _kept(loaded: engine.Loaded, batch: engine.Batch) -> engine.Batch:
    """What must wait of a batch: not the requests, where the shadows see the rows as the champion does."""
    features = None if loaded.champion is None else loaded.champion.runtime.manifest.signature.features
    if any(each.runtime.manifest.signature.features != features for each in loaded.shadows):
        return batch
    return batch._replace(again=_never)


def _never(_: Signature) -> Grid:
    raise LookupError("the rows were seen as the champion sees them")


def _raise(refused: Unavailable | None) -> None:
    if refused is not None:
        raise refused
