"""Following the control plane: one thread asks which rollouts are in force, and takes the new ones."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from podium.core import name
from podium.core.errors import PodiumError, Refused, Unavailable
from podium.scoring.board import Board
from podium.scoring.cache import Cache, read_signed
from podium.scoring.source import ControlPlane, Folder

_LOG = logging.getLogger("podium.scorer")
_RETRY_REFUSED_SECONDS = 5.0
_REPORT_SECONDS = 5.0
_LONGEST_SECONDS = 5.0


class Poller:
    """Keeps the board up to date. `tell` adds to the status report."""

    def __init__(
        self,
        board: Board,
        source: ControlPlane | Folder,
        cache: Cache,
        *,
        endpoints: Sequence[str] = (),
        seconds: float = 0.5,
    ) -> None:
        self._board = board
        self._source = source
        self._cache = cache
        self._only = frozenset(endpoints)
        self._seconds = seconds
        self._seen: dict[str, int] = {}
        self._retry: dict[tuple[str, int], float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="podium-poll", daemon=True)
        self._reported: tuple[float, dict[str, Any]] | None = None
        self.scorer = ""
        self.tell: Callable[[], dict[str, Any]] = dict
        self.reachable = True

    def from_cache(self) -> None:
        """Serve what was kept on disk. What is refused now is reported; the control plane may have better."""
        try:
            for endpoint, path in self._cache.rollout_files().items():
                if self._wanted(endpoint):
                    self._keep(endpoint, path)
        finally:
            self._board.rest()

    def _keep(self, endpoint: str, path: Path) -> None:
        try:
            self._board.adopt(endpoint, read_signed(path), self._cache.bundle)
        except PodiumError as problem:
            self._board.refuse(endpoint, problem, None)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _wanted(self, endpoint: str) -> bool:
        return not self._only or endpoint in self._only

    def _run(self) -> None:
        wait = self._seconds
        while not self._stop.wait(wait):
            try:
                self.step()
                if not self.reachable:
                    _LOG.info("the control plane answers")
                self.reachable = True
                wait = self._seconds
            except PodiumError as problem:
                if self.reachable and self._board.numbers():
                    _LOG.warning("serving from the cache: %s", problem)
                elif self.reachable:
                    _LOG.info("waiting for the control plane: %s", problem)
                self.reachable = False
                wait = min(wait * 2, _LONGEST_SECONDS)
            except Exception:  # noqa: BLE001 - the thread's edge: a fault in here must not end the following
                _LOG.exception("polling failed")
                wait = _LONGEST_SECONDS

    def step(self) -> None:
        """Ask once, and take what is new."""
        if not self._board.keys and isinstance(self._source, ControlPlane):
            self._cache.pin(self._source.key())
            self._board.keys = self._cache.pinned()
        try:
            for endpoint, number in self._source.numbers().items():
                if self._wanted(endpoint) and self._seen.get(endpoint) != number:
                    self._take(name.check(endpoint, "endpoint"), number)
        finally:
            self._board.rest()
        self._report()

    def _take(self, endpoint: str, number: int) -> None:
        if time.monotonic() < self._retry.get((endpoint, number), 0.0):
            return
        try:
            signed = self._source.document(endpoint)
            if self._board.adopt(endpoint, signed, self._source.folder) and isinstance(self._source, ControlPlane):
                self._cache.save_rollout(endpoint, signed)
        except Unavailable:
            raise
        except (PodiumError, OSError) as problem:
            if isinstance(problem, PodiumError) and isinstance(self._source, ControlPlane):
                self._board.refuse(endpoint, problem, number)
            self._retry[endpoint, number] = time.monotonic() + _RETRY_REFUSED_SECONDS
            return
        except Exception:  # noqa: BLE001 - a version's edge: one that breaks in an unforeseen way must not stop the others
            _LOG.exception("endpoint %s: rollout %d cannot be loaded", endpoint, number)
            self._board.refuse(endpoint, Refused("The rollout's version breaks when it is loaded."), number)
            self._retry[endpoint, number] = time.monotonic() + _RETRY_REFUSED_SECONDS
            return
        self._retry = {key: due for key, due in self._retry.items() if key[0] != endpoint}
        self._seen[endpoint] = number

    def _report(self) -> None:
        """Say what is served: at once when it changed, else now and then."""
        if not isinstance(self._source, ControlPlane):
            return
        status = self._board.status()
        due = self._reported is None or self._reported[1] != status
        if due or (self._reported is not None and time.monotonic() - self._reported[0] > _REPORT_SECONDS):
            self._source.report(self.scorer, {**status, **self.tell()})
            self._reported = (time.monotonic(), status)
