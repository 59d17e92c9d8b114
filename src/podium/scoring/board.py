"""What this scorer serves now: one loaded rollout for each endpoint, switched whole between two requests."""

import logging
import threading
from collections.abc import Callable, Container
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from podium.core import rollout, time
from podium.core.errors import NotFound, PodiumError, Refused, Unavailable
from podium.core.time import Clock
from podium.scoring import engine, loading, metrics, newest, proof, trust

_LOG = logging.getLogger("podium.scorer")
_MOST_NAMED = 1000
"""Endpoints whose refusals are counted by their name; those of others without one."""
_LET_GO_SECONDS = 30.0
"""A replaced model in a process of its own answers the requests and shadows that it was given so long."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout that was not taken, and why."""

    number: int | None
    reason: str


class Superseded(PodiumError):
    """A newer rollout of the endpoint was asked for while this one was loaded."""


class _Loading:
    """A rollout that is being loaded. `since`: when it last proved itself elsewhere and went on to be loaded here."""

    def __init__(self, number: int, wanted: Callable[[], bool]) -> None:
        self.number = number
        self.wanted = wanted
        self.since: float | None = None

    def proven(self) -> None:
        self.since = monotonic()


def _always() -> bool:
    return True


class Board:
    """The endpoints' rollouts. Requests read it; of each endpoint one thread at a time changes it."""

    def __init__(self, project: str, environment: str, clock: Clock, counts: metrics.Metrics) -> None:
        self.keys: dict[str, bytes] = {}
        self.limits = proof.Limits()
        self._proofs = proof.Proofs()
        self._project = project
        self._environment = environment
        self._clock = clock
        self._counts = counts
        self._loaded: dict[str, engine.Loaded] = {}
        self._bodies: dict[str, bytes] = {}
        self._newest: dict[str, newest.Newest] = {}
        self._loading: dict[str, _Loading] = {}
        self._lock = threading.Lock()
        self.refused: dict[str, Refusal] = {}
        self._named: set[str] = set()

    def adopt(
        self,
        endpoint: str,
        signed: rollout.Signed,
        folder_of: Callable[[str], Path],
        wanted: Callable[[], bool] = _always,
    ) -> bool:
        """Load a rollout and switch to it; False when it is the one in force.

        `Refused` (and the old one keeps serving) when it may not be served; `Unavailable` when a part is out of reach;
        `Superseded` when it is no longer `wanted` once it is loaded.
        """
        with self._lock:
            before = self._loaded.get(endpoint)
            if self._bodies.get(endpoint) == signed.body:
                self.refused.pop(endpoint, None)
                return False
        mark = _Loading(_number(signed) or 0, wanted)
        try:
            document = trust.check(signed, self.keys, self._environment, time.to_us(self._clock()))
            self._check_place(endpoint, signed, document)
            self._loading[endpoint] = mark
            change = loading.Change(before, mark.proven)
            loaded = loading.load(document, folder_of, self.keys, self.limits, self._proofs, change)
        except Unavailable:
            raise
        except PodiumError as problem:
            if wanted():
                self.refuse(endpoint, problem, _number(signed))
            raise Refused(problem.message, field=problem.field, fix=problem.fix) from problem
        finally:
            if self._loading.get(endpoint) is mark:
                del self._loading[endpoint]
        self._switch(endpoint, signed, loaded, before, wanted)
        _LOG.info("endpoint %s serves rollout %d", endpoint, document.number)
        return True

    def _switch(
        self,
        endpoint: str,
        signed: rollout.Signed,
        loaded: engine.Loaded,
        before: engine.Loaded | None,
        wanted: Callable[[], bool],
    ) -> None:
        with self._lock:
            good = wanted() and self._loaded.get(endpoint) is before
            if good:
                self._loaded[endpoint] = loaded  # one assignment: a request sees the old rollout or the new one, whole
                self._bodies[endpoint] = signed.body
                self._newest[endpoint] = newest.both(newest.of(signed, loaded.document), self._newest.get(endpoint))
                self.refused.pop(endpoint, None)
        if not good:
            loading.close([each.runtime for each in loaded.live], before)
            raise Superseded("A newer rollout was asked for while this one was loaded.")
        if before is not None:
            _let_go(before, loaded)

    def remember(self, endpoint: str, known: newest.Newest) -> None:
        """A rollout that was taken in an earlier life: an older one is refused. What is known to be newer stays."""
        before = self._newest.get(endpoint)
        if before is None or not newest.older(known, before):
            self._newest[endpoint] = newest.both(known, before)

    def loading(self, endpoint: str) -> int | None:
        """The number of the rollout that is being loaded."""
        mark = self._loading.get(endpoint)
        return None if mark is None else mark.number

    def read(self, signed: rollout.Signed) -> rollout.Rollout | None:
        """The document if it was signed by a key that is trusted, whether it may be served now or not."""
        try:
            return trust.read(signed, self.keys)
        except Refused:
            return None

    def late(self) -> None:
        """Refuse what proved itself elsewhere, and does not come to be loaded here in the time it has for that."""
        for endpoint, mark in list(self._loading.items()):
            late = mark.since is not None and monotonic() - mark.since > self.limits.load_seconds
            if late and mark.wanted():
                slow = f"The version is too slow: it is not loaded after {self.limits.load_seconds:g} s."
                self.refuse(endpoint, Refused(slow, field="engine"), mark.number)

    def rest(self) -> None:
        """Nothing more is to be adopted for now."""
        self._proofs.rest()

    def refuse(self, endpoint: str, problem: PodiumError, number: int | None) -> None:
        """Remember why a rollout was not taken; said in answers, in the status and in the process's log."""
        refusal = Refusal(number=number, reason=str(problem))
        if self.refused.get(endpoint) != refusal:
            _LOG.warning("endpoint %s: rollout %s refused: %s", endpoint, number, problem)
            self._counts.count("podium_rollouts_refused_total", endpoint=self._label(endpoint))
        self.refused[endpoint] = refusal

    def _label(self, endpoint: str) -> str:
        """What a refusal is counted as: whoever lists ever new endpoints does not make ever more metrics."""
        if len(self._named) < _MOST_NAMED:
            self._named.add(endpoint)
        return endpoint if endpoint in self._named else ""

    def keep(self, listed: Container[str]) -> None:
        """Forget the refusals of endpoints that are not among these, and of which none is served."""
        for endpoint in list(self.refused):
            if endpoint not in listed and not self.serves(endpoint):
                self.refused.pop(endpoint, None)

    def _check_place(self, endpoint: str, signed: rollout.Signed, document: rollout.Rollout) -> None:
        if document.endpoint != endpoint or (self._project and document.project != self._project):
            raise Refused("The rollout is of another endpoint or project than was asked for.", field="endpoint")
        newest.check(newest.of(signed, document), self._newest.get(endpoint))

    def get(self, endpoint: str) -> engine.Loaded:
        """The endpoint's loaded rollout; `Unavailable` with the reason if it was refused, `NotFound` if unknown."""
        loaded = self._loaded.get(endpoint)
        if loaded is not None:
            return loaded
        refusal = self.refused.get(endpoint)
        if refusal is not None:
            raise Unavailable(refusal.reason, field="endpoint", fix="Release a version that can be served.")
        if endpoint in self._loading:
            raise Unavailable("The endpoint's version is being loaded.", field="endpoint", fix="Send the rows again.")
        raise NotFound(
            "This scorer serves no endpoint of that name.",
            field="endpoint",
            fix="See podium endpoints list; what was released is served a few seconds later.",
        )

    def serves(self, endpoint: str) -> bool:
        return endpoint in self._loaded

    def serving(self) -> list[engine.Loaded]:
        """The rollouts in force."""
        return list(self._loaded.values())

    def endpoints(self) -> list[str]:
        """Those that have a rollout."""
        return sorted(self._loaded)

    def unserved(self) -> list[str]:
        """Those whose only rollout is being loaded, or was refused."""
        return sorted(({*self._loading, *self.refused}) - self._loaded.keys())

    def numbers(self) -> dict[str, int]:
        """The rollout numbers served."""
        return {endpoint: loaded.document.number for endpoint, loaded in sorted(self._loaded.items())}

    def status(self) -> dict[str, Any]:
        """What the control plane is told."""
        refused = {endpoint: msgspec.structs.asdict(refusal) for endpoint, refusal in sorted(self.refused.items())}
        loading_now = {endpoint: mark.number for endpoint, mark in sorted(self._loading.items())}
        return {"rollouts": self.numbers(), "refused": refused, **({"loading": loading_now} if loading_now else {})}


def _let_go(before: engine.Loaded, after: engine.Loaded) -> None:
    """End the processes of a replaced rollout's models that the next one does not go on with, once no request can still
    be with them."""
    ending = [live.runtime for live in before.live if live.runtime.blocking]
    if not {id(each) for each in ending} - {id(live.runtime) for live in after.live}:
        return

    def end() -> None:
        loading.close(ending, after)

    waiting = threading.Timer(_LET_GO_SECONDS, end)
    waiting.daemon = True
    waiting.start()


def _number(signed: rollout.Signed) -> int | None:
    """The number that an untrusted document claims, for the report only."""
    try:
        return signed.rollout().number
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
