"""Scoring by shadows off the request's path: a bounded queue and one thread; what does not fit is counted."""

import threading
from collections import deque
from typing import NamedTuple

from podium.core.errors import PodiumError
from podium.scoring import engine, metrics
from podium.scoring.log.writer import Writer

MOST_ROWS = 50_000


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
        item = _Item(loaded, batch)
        with self._changed:
            if self._rows + item.rows <= self._most and not self._stopping:
                self._queue.append(item)
                self._rows += item.rows
                self._changed.notify_all()
                return
        self._drop(item)

    def drain(self, timeout: float = 60.0) -> bool:
        """Wait until all that is queued now is scored and handed to the log; whether that happened in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._busy, timeout)

    def close(self, timeout: float = 10.0) -> None:
        """Score what is queued, then stop."""
        self.drain(timeout)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._stopping)
                if not self._queue:
                    return
                item = self._queue.popleft()
                self._rows -= item.rows
                self._busy = True
            try:
                self._score(item)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _score(self, item: _Item) -> None:
        for live in item.loaded.shadows:
            try:
                part = item.loaded.shadow(live, item.batch)
                self._log.append([part], durable=False).result()
            except PodiumError:
                self._drop(item)
                continue
            self._counts.count(
                "podium_predictions_total",
                len(part),
                endpoint=live.source.endpoint,
                version=str(live.route.version),
                role="shadow",
            )

    def _drop(self, item: _Item) -> None:
        self._counts.count("podium_shadow_dropped_total", item.rows, endpoint=item.loaded.document.endpoint)
