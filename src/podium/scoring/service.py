"""What each request means, whatever carries it."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from podium.core import errors
from podium.core.errors import PodiumError
from podium.core.rollout import Durability
from podium.scoring import answers, codec, codecs, engine, operate, request, routes
from podium.scoring.call import Answer, Call
from podium.scoring.operate import Parts
from podium.scoring.protocols import problem

_LOG = logging.getLogger("podium.scorer")
_LARGE = 256 * 1024

Reply: TypeAlias = Callable[[Answer], None]
Done: TypeAlias = Callable[[request.Scored | PodiumError], None]


class Service:
    """The scorer's front door. Lives on one event loop: its methods are called there and reply there."""

    def __init__(self, parts: Parts, loop: asyncio.AbstractEventLoop) -> None:
        self.parts = parts
        self.routes = routes.Table(
            {
                **operate.Operations(parts).routes(),
                **parts.more,
                "/invocations": routes.Scoring(codecs.MLFLOW),
                "/endpoints/{endpoint}/invocations": routes.Scoring(codecs.MLFLOW),
                "/v2/models/{endpoint}/infer": routes.Scoring(codecs.OIP),
                "/v2/models/{endpoint}/versions/{version}/infer": routes.Scoring(codecs.OIP),
            }
        )
        self._loop = loop

    def submit(self, call: Call, reply: Reply) -> None:
        """Answer a request; every error of Podium's becomes a problem. `reply` is called once, now or later."""
        started = time.perf_counter()
        found = self.routes.find(call.path)
        endpoint = "" if found is None else self._label(found.place.endpoint)

        def finish(answer: Answer) -> None:
            self._count(endpoint, answer.status, started)
            reply(answer)

        try:
            if found is None:
                raise errors.NotFound("There is nothing at this path.", field="path")
            if call.method != found.route.method:
                finish(answers.not_allowed(found.route.method))
            elif isinstance(found.route, routes.Scoring):
                self._score(call, found.route, found.place, finish)
            elif found.route.slow:
                self._aside(found.route, call, found.place, finish)
            else:
                finish(found.route.act(call, found.place))
        except PodiumError as error:
            finish(answers.of(error))

    def infer(self, endpoint: str, version: str, read: Callable[[codec.Asked], request.Rows], done: Done) -> None:
        """Score rows for any transport; `done` gets the answer once its rows are logged, or why there is none."""
        started = time.perf_counter()

        def counted(scored: request.Scored | PodiumError) -> None:
            status = problem.status_of(scored) if isinstance(scored, PodiumError) else 200
            self._count(self._label(endpoint), status, started)
            done(scored)

        try:
            place = routes.Place(endpoint, version)
            loaded, asked = self._asked(place, {})
            self._join(loaded, read(asked), counted)
        except PodiumError as error:
            counted(error)

    def _score(self, call: Call, route: routes.Scoring, place: routes.Place, finish: Reply) -> None:
        loaded, asked = self._asked(place, call.headers)
        chosen = codecs.choose(route.family, call.headers)
        if chosen is None:
            finish(answers.wrong_media(codecs.taken(route.family)))
            return
        self._join(loaded, chosen.read(call.body, asked), partial(_written, chosen, asked, finish))

    def _asked(self, place: routes.Place, headers: Mapping[str, str]) -> tuple[engine.Loaded, codec.Asked]:
        place = place if place.endpoint else place._replace(endpoint=self._only_endpoint())
        loaded = operate.loaded(self.parts.board, place)
        champion, canary = loaded.deciding(self.parts.now())
        if place.version and (canary is not None or place.version != str(champion.route.version)):
            raise errors.Conflict(
                "The rollout chooses the version of each row.",
                field="version",
                fix="Leave the version out of the path.",
            )
        asked = codec.Asked(place.endpoint, champion.runtime.manifest.signature, headers, self.parts.new_id)
        return loaded, asked

    def _join(self, loaded: engine.Loaded, sent: request.Rows, done: Done) -> None:
        """Score rows, log them, then say so."""
        outcome = loaded.score(sent, self.parts.now())
        durable = loaded.document.durability is Durability.DURABLE
        logged = self.parts.log.append(outcome.parts, durable=durable)

        def settled() -> None:
            problem = logged.exception()
            if isinstance(problem, PodiumError):
                done(problem)
                return
            for part in outcome.parts:
                self.parts.counts.count(
                    "podium_predictions_total",
                    len(part),
                    endpoint=part.source.endpoint,
                    version=str(part.source.version),
                    role=part.source.role,
                )
            self.parts.shadows.submit(loaded, outcome)
            done(outcome.scored)

        if logged.done():
            settled()
        else:
            logged.add_done_callback(lambda _: self._loop.call_soon_threadsafe(settled))

    def _aside(self, route: routes.Action, call: Call, place: routes.Place, finish: Reply) -> None:
        """Answer on a thread."""

        def act() -> Answer:
            try:
                return route.act(call, place)
            except PodiumError as error:
                return answers.of(error)
            except Exception:  # noqa: BLE001 - the process's edge: the caller gets a problem, the log the cause
                _LOG.exception("a request failed")
                return answers.broken()

        waiting = self._loop.run_in_executor(None, act)
        waiting.add_done_callback(lambda acted: finish(acted.result()))

    def _count(self, endpoint: str, status: int, started: float) -> None:
        counts = self.parts.counts
        counts.count("podium_requests_total", endpoint=endpoint, status=str(status))
        if endpoint:
            counts.observe(endpoint, time.perf_counter() - started)

    def _label(self, endpoint: str) -> str:
        """The endpoint, if this scorer serves it (else nothing may become a metric's label)."""
        board = self.parts.board
        if endpoint:
            return endpoint if board.serves(endpoint) else ""
        return ""

    def _only_endpoint(self) -> str:
        board = self.parts.board
        known = board.endpoints() or sorted(board.refused)
        if len(known) == 1:
            return known[0]
        raise errors.NotFound(
            "This scorer serves several endpoints, or none.", field="path", fix="Post to /endpoints/<name>/invocations."
        )


def _written(chosen: codec.Codec, asked: codec.Asked, finish: Reply, scored: request.Scored | PodiumError) -> None:
    if isinstance(scored, PodiumError):
        finish(answers.of(scored))
        return
    written = chosen.write(scored, asked)
    finish(Answer(200, written.body, written.media, written.headers))
