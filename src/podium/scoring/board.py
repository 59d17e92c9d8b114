"""What this scorer serves now: one loaded rollout for each endpoint, switched whole between two requests."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from podium.core import rollout, time
from podium.core.errors import NotFound, PodiumError, Refused, Unavailable
from podium.core.time import Clock
from podium.scoring import engine, loading, metrics, proof, trust

_LOG = logging.getLogger("podium.scorer")
_LET_GO_SECONDS = 30.0
"""A replaced model in a process of its own answers the requests and shadows that it was given so long."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout that was not taken, and why."""

    number: int | None
    reason: str


class Board:
    """The endpoints' rollouts. Requests read it; one thread at a time changes it."""

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
        self.refused: dict[str, Refusal] = {}

    def adopt(self, endpoint: str, signed: rollout.Signed, folder_of: Callable[[str], Path]) -> bool:
        """Load a rollout and switch to it; False when it is the one in force.

        `Refused` (and the old one keeps serving) when it may not be served; `Unavailable` when a part is out of reach.
        """
        if self._bodies.get(endpoint) == signed.body:
            self.refused.pop(endpoint, None)
            return False
        try:
            document = trust.check(signed, self.keys, self._environment, time.to_us(self._clock()))
            self._check_place(endpoint, document)
            loaded = loading.load(document, folder_of, self.keys, self.limits, self._proofs)
        except Unavailable:
            raise
        except PodiumError as problem:
            self.refuse(endpoint, problem, _number(signed))
            raise Refused(problem.message, field=problem.field, fix=problem.fix) from problem
        before = self._loaded.get(endpoint)
        self._loaded[endpoint] = loaded  # one assignment: a request sees the old rollout or the new one, whole
        self._bodies[endpoint] = signed.body
        self.refused.pop(endpoint, None)
        if before is not None:
            _let_go(before)
        _LOG.info("endpoint %s serves rollout %d", endpoint, document.number)
        return True

    def rest(self) -> None:
        """Nothing more is to be adopted for now."""
        self._proofs.rest()

    def refuse(self, endpoint: str, problem: PodiumError, number: int | None) -> None:
        """Remember why a rollout was not taken; said in answers, in the status and in the process's log."""
        refusal = Refusal(number=number, reason=str(problem))
        if self.refused.get(endpoint) != refusal:
            _LOG.warning("endpoint %s: rollout %s refused: %s", endpoint, number, problem)
            self._counts.count("podium_rollouts_refused_total", endpoint=endpoint)
        self.refused[endpoint] = refusal

    def _check_place(self, endpoint: str, document: rollout.Rollout) -> None:
        if document.endpoint != endpoint or (self._project and document.project != self._project):
            raise Refused("The rollout is of another endpoint or project than was asked for.", field="endpoint")
        current = self._loaded.get(endpoint)
        if current is None:
            return
        known = current.document
        if document.number <= known.number and document.created_us <= known.created_us:
            raise Refused(
                f"Rollout {document.number} is not newer than {known.number}, which is served.",
                field="number",
                fix="Publish it again under a new number.",
            )

    def get(self, endpoint: str) -> engine.Loaded:
        """The endpoint's loaded rollout; `Unavailable` with the reason if it was refused, `NotFound` if unknown."""
        loaded = self._loaded.get(endpoint)
        if loaded is not None:
            return loaded
        refusal = self.refused.get(endpoint)
        if refusal is not None:
            raise Unavailable(refusal.reason, field="endpoint", fix="Release a version that can be served.")
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

    def numbers(self) -> dict[str, int]:
        """The rollout numbers served."""
        return {endpoint: loaded.document.number for endpoint, loaded in sorted(self._loaded.items())}

    def status(self) -> dict[str, Any]:
        """What the control plane is told."""
        refused = {endpoint: msgspec.structs.asdict(refusal) for endpoint, refusal in sorted(self.refused.items())}
        return {"rollouts": self.numbers(), "refused": refused}


def _let_go(before: engine.Loaded) -> None:
    """End the processes of a replaced rollout's models, once no request can still be with them."""
    ending = [live.runtime for live in before.live if live.runtime.blocking]
    if not ending:
        return

    def end() -> None:
        for each in ending:
            each.close()

    waiting = threading.Timer(_LET_GO_SECONDS, end)
    waiting.daemon = True
    waiting.start()


def _number(signed: rollout.Signed) -> int | None:
    """The number that an untrusted document claims, for the report only."""
    try:
        return signed.rollout().number
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
