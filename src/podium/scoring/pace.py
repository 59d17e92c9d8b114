"""How long champion and challenger take for one row in this process, side by side, as its answers' machine is now.

A few golden rows at a time, each by both, in turns, between two reports to the control plane: some milliseconds of
processor time every five seconds, and only where a challenger listens or decides a share.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from typing import Any, NamedTuple

from podium.bundle import grid
from podium.bundle.runtime import Runtime
from podium.core import bundle
from podium.core.errors import PodiumError
from podium.scoring.board import Board
from podium.scoring.engine import Live, Loaded

_LOG = logging.getLogger("podium.scorer")
KEPT = 100
"""Rows whose times are reported, the newest."""
_AT_ONCE = 10
_TRIES = 3
_MOST_SECONDS = 0.05
"""A round ends after that time, and has timed one row at least."""
_SHARE = 0.02
"""Of the time, so much goes into it at most."""


class _Side(NamedTuple):
    runtime: Runtime
    rows: grid.Grid


class _Pair:
    """Champion and challenger of one rollout."""

    def __init__(self, first: Live, second: Live) -> None:
        self.digests = first.route.digest, second.route.digest
        self._sides = tuple(_side(each.runtime) for each in (first, second))
        self._next = 0
        self._due = 0.0
        self.microseconds: deque[tuple[int, int]] = deque(maxlen=KEPT)

    def go_on(self) -> None:
        """Time some more rows. Of models that take long fewer, and those seldom: their callers wait for the same
        process. One that fails has taken its time as well."""
        begun = time.perf_counter()
        if begun < self._due:
            return
        try:
            for _ in range(_AT_ONCE):
                if time.perf_counter() - begun > _MOST_SECONDS:
                    break
                self._time_row(begun + _MOST_SECONDS)
        finally:
            self._due = begun + (time.perf_counter() - begun) / _SHARE

    def _time_row(self, until: float) -> None:
        """The best of three for each, so that another thread's turn is not the model's; of fewer, once it is late."""
        best = [float("inf"), float("inf")]
        for turn in range(2 * _TRIES):
            if turn >= 2 and time.perf_counter() > until:
                break
            at = (turn + self._next) % 2
            side = self._sides[at]
            place = self._next % len(side.rows)
            begun = time.perf_counter()
            side.runtime.predict_grid(grid.take(side.rows, slice(place, place + 1)))
            best[at] = min(best[at], time.perf_counter() - begun)
        self.microseconds.append((round(1e6 * best[0]), round(1e6 * best[1])))
        self._next += 1


class Pace:
    """The pairs of a board. Timed on a thread of its own, as a model may take its whole time limit."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._pairs: dict[str, tuple[Loaded, _Pair | None]] = {}
        self._found: dict[str, Any] = {}
        self._failing: set[str] = set()
        """Endpoints whose fault was told."""
        self._thread: threading.Thread | None = None

    def tell(self) -> dict[str, Any]:
        """By endpoint: both bundles, and for each row the microseconds of both, as far as they are known. Has some more
        timed until it is asked again."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._go_on, name="podium-pace", daemon=True)
            with contextlib.suppress(RuntimeError):  # there is no room for a thread now: the next time, then
                self._thread.start()
        return self._found

    def _go_on(self) -> None:
        try:
            self._found = self._timed()
        except Exception:  # noqa: BLE001 - the thread's edge: a report without times is one all the same
            _LOG.exception("models cannot be timed")

    def _timed(self) -> dict[str, Any]:
        found = {}
        for endpoint in self._board.endpoints():
            try:
                pair = self._pair(endpoint)
                if pair is not None:
                    pair.go_on()
            except PodiumError:  # a model that others serve does not answer now
                continue
            except Exception:  # noqa: BLE001 - an endpoint's edge: the others' models are timed all the same
                self._say(endpoint)
                continue
            self._failing.discard(endpoint)
            if pair is not None:
                first, second = pair.digests
                found[endpoint] = {"first": first, "second": second, "microseconds": list(pair.microseconds)}
        return found

    def _say(self, endpoint: str) -> None:
        """Once, until it is well again."""
        if endpoint not in self._failing:
            _LOG.exception("endpoint %s: its models cannot be timed", endpoint)
        self._failing.add(endpoint)

    def _pair(self, endpoint: str) -> _Pair | None:
        loaded = self._board.get(endpoint)
        known = self._pairs.get(endpoint)
        if known is None or known[0] is not loaded:
            known = (loaded, _paired(loaded))
            self._pairs[endpoint] = known
        return known[1]


def _paired(loaded: Loaded) -> _Pair | None:
    """None without a challenger, or where somebody else's service would be asked."""
    first, second = loaded.champion, loaded.canary or next(iter(loaded.shadows), None)
    if first is None or second is None or bundle.Engine.EXTERNAL in {_engine(first), _engine(second)}:
        return None
    return _Pair(first, second)


def _engine(live: Live) -> bundle.Engine:
    return live.runtime.manifest.engine


def _side(runtime: Runtime) -> _Side:
    return _Side(runtime, grid.of(runtime.order, runtime.golden_rows()))
