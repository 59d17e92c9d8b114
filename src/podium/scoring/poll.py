"""Following the control plane: one thread asks which rollouts are in force, and has the new ones taken."""

import contextlib
import functools
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from podium.core import name, rollout
from podium.core.errors import Invalid, PodiumError, Refused, Unavailable
from podium.scoring import newest
from podium.scoring.board import Board, Superseded
from podium.scoring.cache import Cache, read_signed
from podium.scoring.loads import Loads, Wanted
from podium.scoring.reports import Reports
from podium.scoring.retries import Retries
from podium.scoring.source import ControlPlane, Folder

_LOG = logging.getLogger("podium.scorer")
_MOST_ENDPOINTS = 10_000
"""Of a project that a scorer follows."""
_END_SECONDS = 3.0
_LONGEST_SECONDS = 5.0
_START_SECONDS, _LONGEST_START_SECONDS = 8.0, 30.0
"""At the start, what takes long is waited for so long, and longer while nothing is served."""
_FRESH_SECONDS, _SOON_SECONDS = 2.0, 4.0
"""At a start from the cache, the control plane and what it has that is new are waited for so long, and for less where
the start has taken long already: it is to be over in that time."""
_LOOK_SECONDS = 0.2
_KEPT = -1
"""Stands for the number of a rollout that was kept on disk."""


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
        self._saved: dict[str, bytes] = {}
        self._retries = Retries()
        self._recalled: set[str] = set()
        self._too_many = False
        self._loads = Loads()
        self._stop = threading.Event()
        self._at_once = False
        """The thread asks as soon as it is started."""
        self._asked = threading.Event()
        """All that is new has been tried once, or cannot be asked for."""
        self._thread = threading.Thread(target=self._run, name="podium-poll", daemon=True)
        self._reports = Reports()
        self.scorer = ""
        self.tell: Callable[[], dict[str, Any]] = dict
        self.reachable = True

    def from_cache(self) -> None:
        """Serve what was kept on disk. What is refused now is reported; the control plane may have better."""
        numbers = self._source.numbers() if isinstance(self._source, Folder) else {}
        kept = {endpoint: path for endpoint, path in self._cache.rollout_files().items() if self._wanted(endpoint)}

        def begin() -> None:
            for endpoint, path in kept.items():
                keep, number = functools.partial(self._keep, endpoint, path), numbers.get(endpoint, _KEPT)
                while not (
                    self._loads.room(endpoint, served=False) and self._loads.begin(endpoint, number, keep, first=True)
                ):
                    time.sleep(self._seconds)

        beginning = threading.Thread(target=begin, name="podium-start", daemon=True)
        beginning.start()
        self._wait(beginning)

    def _wait(self, beginning: threading.Thread | None = None) -> None:
        """At the start, while nothing is served, few are kept waiting by what takes long; else it is left to come."""
        begun = time.monotonic()

        def enough() -> bool:
            return time.monotonic() - begun > (_START_SECONDS if self._board.endpoints() else _LONGEST_START_SECONDS)

        while beginning is not None and beginning.is_alive() and not enough():
            beginning.join(_LOOK_SECONDS)
        self._loads.rest(enough)
        self._board.rest()

    def _keep(self, endpoint: str, path: Path, wanted: Wanted) -> None:
        try:
            with _let_go(wanted):
                self._recall(endpoint)
                signed = read_signed(path)
                self._saved[endpoint] = signed.body
                self._board.adopt(endpoint, signed, self._cache.bundle, wanted)
        except Superseded as problem:
            _LOG.info("endpoint %s: the kept rollout is let go: %s", endpoint, problem)
        except PodiumError as problem:
            self._board.refuse(endpoint, problem, None)
        except OSError as problem:
            unread = Refused(f"The rollout's version cannot be read ({problem.strerror}).", field="bundle")
            self._board.refuse(endpoint, unread, None)
        except Exception:  # noqa: BLE001 - a version's edge: one that breaks in an unforeseen way must not stop the others
            _LOG.exception("endpoint %s: the kept rollout cannot be loaded", endpoint)
            self._board.refuse(endpoint, Refused("The rollout's version breaks when it is loaded."), None)

    def begin(self) -> None:
        """Serve what was kept, and what is in force now, if that can be known soon; then follow."""
        begun = time.monotonic()
        self.from_cache()
        if not self._board.endpoints():
            with contextlib.suppress(PodiumError):
                self.step()
        elif isinstance(self._source, ControlPlane):
            self._at_once = True
        self.start()
        if self._at_once:
            self._asked.wait(min(_FRESH_SECONDS, max(0.0, begun + _SOON_SECONDS - time.monotonic())))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=_END_SECONDS)

    def _wanted(self, endpoint: str) -> bool:
        return not self._only or endpoint in self._only

    def _run(self) -> None:
        wait = 0.0 if self._at_once else self._seconds
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
                wait = min(max(wait, self._seconds) * 2, _LONGEST_SECONDS)
            except Exception:  # noqa: BLE001 - the thread's edge: a fault in here must not end the following
                _LOG.exception("polling failed")
                wait = _LONGEST_SECONDS
            self._asked.set()

    def step(self) -> None:
        """Ask once, and take what is new; raises when it cannot be asked. An endpoint's failure is its own."""
        if not self._board.keys and isinstance(self._source, ControlPlane):
            self._board.keys = self._pinned(self._source.key())
        try:
            served, listed = self._board.numbers(), self._listed()
            self._take_due({each: number for each, number in listed.items() if served.get(each) != number})
            self._asked.set()
            self._take_due(listed)
            if self._thread.ident is None:
                self._wait()
        finally:
            self._board.late()
            self._board.rest()
        if isinstance(self._source, ControlPlane):
            self._reports.tell(self._source, self.scorer, self._board.status(), self.tell)

    def _listed(self) -> dict[str, int]:
        """The rollouts in force. What is remembered of endpoints that have none any more is let go."""
        wanted = ((endpoint, number) for endpoint, number in self._source.numbers().items() if self._wanted(endpoint))
        listed = dict(itertools.islice(wanted, _MOST_ENDPOINTS))
        if next(wanted, None) is not None and not self._too_many:
            _LOG.error("there are more than %d endpoints: the others are not served", _MOST_ENDPOINTS)
            self._too_many = True
        self._retries.keep(listed)
        self._loads.keep(listed)
        self._board.keep(listed)
        self._recalled = {endpoint for endpoint in list(self._recalled) if endpoint in listed}
        return listed

    def _pinned(self, key: rollout.Key) -> dict[str, bytes]:
        """The keys that are trusted from now on. One that cannot be kept is not: the next start would trust another."""
        try:
            self._cache.pin(key)
            return self._cache.pinned()
        except OSError as problem:
            raise Unavailable(
                f"The control plane's key cannot be kept: {problem.strerror}.",
                field="folder",
                fix="Make room there, and have the scorer write to it.",
            ) from problem

    def _due(self, endpoint: str, number: int) -> bool:
        """Whether a rollout is to be taken now. What is being taken of that endpoint is left to come only while it is
        the one in force."""
        running = self._loads.number(endpoint)
        if running == number or (running == _KEPT and self._board.loading(endpoint) == number):
            return False
        if self._seen.get(endpoint) == number:
            self._loads.forget(endpoint)
            return False
        if self._retries.waits(endpoint, number):
            return False
        return self._loads.room(endpoint, served=self._board.serves(endpoint))

    def _take_due(self, listed: Mapping[str, int]) -> None:
        for endpoint, number in listed.items():
            if self._due(endpoint, number):
                self._take(endpoint, number)

    def _take(self, endpoint: str, number: int) -> None:
        try:
            name.check(endpoint, "endpoint")
        except Invalid as problem:
            self._retries.again(endpoint, number, f"cannot be taken: {problem}")
            return
        if not self._loads.begin(endpoint, number, functools.partial(self._load, endpoint, number)):
            self._retries.again(endpoint, number, "cannot be taken: no thread can be started", growing=True)

    def _load(self, endpoint: str, number: int, wanted: Wanted) -> None:
        try:
            with _let_go(wanted):
                self._recall(endpoint)
                signed = self._source.document(endpoint)
                self._board.adopt(endpoint, signed, self._source.folder, wanted)
                self._save(endpoint, signed)
        except Superseded as problem:
            _LOG.info("endpoint %s: rollout %d is let go: %s", endpoint, number, problem)
        except Unavailable as problem:
            self._retries.again(endpoint, number, f"is out of reach: {problem}", growing=True)
        except PodiumError as problem:
            if isinstance(self._source, ControlPlane):
                self._board.refuse(endpoint, problem, number)
            refusal = self._board.refused.get(endpoint)
            known = refusal is not None and refusal.reason == str(problem)
            self._retries.again(endpoint, number, "" if known else f"cannot be taken: {problem}")
        except OSError as problem:
            self._retries.again(endpoint, number, f"cannot be kept: {problem.strerror}")
        except Exception:  # noqa: BLE001 - a version's edge: one that breaks in an unforeseen way must not stop the others
            _LOG.exception("endpoint %s: rollout %d cannot be loaded", endpoint, number)
            self._board.refuse(endpoint, Refused("The rollout's version breaks when it is loaded."), number)
            self._retries.again(endpoint, number, "")
        else:
            self._retries.taken(endpoint)
            self._seen[endpoint] = number

    def _recall(self, endpoint: str) -> None:
        """Have the board know the newest rollout that was taken in an earlier life, though it may not be served now.

        Not of a folder that people put rollouts into: whoever can do that can put the older one there as well.
        """
        if endpoint in self._recalled or not isinstance(self._source, ControlPlane):
            return
        known = self._cache.newest(endpoint)
        if known is not None:
            self._board.remember(endpoint, known)
        path = self._cache.rollouts / f"{endpoint}.json"
        with contextlib.suppress(Refused):  # of no file, or a harmed one: then what was kept beside it has to do
            signed = read_signed(path)
            document = self._board.read(signed)
            if document is not None and document.endpoint == endpoint:
                self._board.remember(endpoint, newest.of(signed, document))
        self._recalled.add(endpoint)

    def _save(self, endpoint: str, signed: rollout.Signed) -> None:
        """Keep what is served now, whenever it was that it came to be served."""
        if isinstance(self._source, ControlPlane) and self._saved.get(endpoint) != signed.body:
            self._cache.save_rollout(endpoint, signed)
            self._saved[endpoint] = signed.body


@contextlib.contextmanager
def _let_go(wanted: Wanted) -> Iterator[None]:
    """What becomes of a rollout that is no longer wanted is told of none that is served: `Superseded`."""
    try:
        yield
    except Exception as problem:
        if wanted():
            raise
        raise Superseded(str(problem)) from problem
