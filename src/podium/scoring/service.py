"""What each request means, whatever carries it: rows go to the tick, all else is answered by its route."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from podium.core import errors
from podium.core.errors import PodiumError
from podium.core.trace import Trace
from podium.scoring import answers, codec, codecs, large, metrics, operate, request, routes, threads
from podium.scoring.call import Answer, Call
from podium.scoring.operate import Parts
from podium.scoring.tick import Tick
from podium.scoring.work import Exchange, Said, Work

_LOG = logging.getLogger("podium.scorer")
_KEPT = 1024
_SLOW = 8
"""Requests of one slow route that are acted on at once: one route's do not wait for another's."""
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_OTHER_METHOD = "_OTHER"
"""What OpenTelemetry calls a method that nobody knows."""
_PATHS = "Post rows to /v2/models/<endpoint>/infer or to /endpoints/<endpoint>/invocations."


class _Fixed:
    """What a head asks for when its body does not hold rows."""

    __slots__ = ("answer", "asked", "place", "route", "watched")

    def __init__(
        self, answer: Answer | None, route: routes.Action | None, place: routes.Place, asked: metrics.Asked
    ) -> None:
        self.answer = answer
        self.route = route
        self.place = place
        self.asked = asked
        self.watched = False


class Service:
    """The scorer's front door. Lives on one event loop: its methods are called there and reply there."""

    def __init__(self, parts: Parts, loop: asyncio.AbstractEventLoop) -> None:
        self.parts = parts
        self.tick = Tick(parts, loop)
        parts.counts.watch("http_server_active_requests", lambda: float(self.tick.gate.requests + self.tick.gate.aside))
        parts.counts.watch("podium_requests_rejected_total", lambda: float(self.tick.gate.refused))
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
        self._slow: dict[routes.Act, threads.Pool] = {}
        self._works: dict[tuple[Any, ...], Work] = {}
        """By what heads say of anything but how long the body is: most differ in that only. Emptied when full."""

    def take(self, exchange: Exchange, number: int, head: Any, body: bytes) -> None:
        """Answer a request now or later, once. `head`: has method, path and headers, and keeps `work` for us."""
        work = head.work
        if work is None:
            work = head.work = self._find(head)
            work.watched = self.parts.watch.follows(head.headers)
        if work.watched:
            exchange = self.parts.watch.follow(exchange, head)
        if type(work) is Work:
            self.tick.take(exchange, number, head, body)
        else:
            self._act(work, exchange, number, head, body)

    def refused(self, status: int) -> None:
        """Count a request that its transport refused: nobody knows which endpoint it was for."""
        self.parts.counts.answered(metrics.Asked(status=str(status)))

    def infer(
        self,
        place: routes.Place,
        read: Callable[[codec.Asked], request.Rows],
        told: Said,
        *,
        size: int = 0,
        traces: Sequence[Trace] = (),
        left: large.Left = large.never,
    ) -> None:
        """Score rows of any transport, of so many bytes; `told` gets the answer once they are logged, or why not.

        `left`: whether nobody waits for the answer any more; asked on any thread.
        """
        self.tick.infer(place, read, told, size=size, traces=traces, left=left)

    def _find(self, head: Any) -> "Work | _Fixed":
        found = self.routes.find(head.path)
        said = head.method if head.method in _METHODS else _OTHER_METHOD
        if found is None:
            problem = errors.NotFound("There is nothing at this path.", field="path", fix=_PATHS)
            return _Fixed(answers.of(problem), None, routes.Place(), metrics.Asked(method=said))
        route, place = found
        asked = metrics.Asked(place.endpoint, place.route, said)
        method = "GET" if head.method == "HEAD" else head.method
        if method != route.method:
            return _Fixed(answers.not_allowed(route.method), None, place, asked)
        if isinstance(route, routes.Action):
            return _Fixed(None, route, place, asked)
        chosen = codecs.choose(route.family, head.headers)
        if chosen is None:
            wrong = answers.wrong_media(codecs.taken(route.family))
            return _Fixed(wrong, None, place, asked._replace(infers=True))
        if "authorization" in head.headers or self.parts.watch.follows(head.headers):
            return Work(route.family, place, chosen, head.headers)
        says = head.path, *((name, value) for name, value in head.headers.items() if name != "content-length")
        known = self._works.get(says)
        if known is None:
            if len(self._works) >= _KEPT:
                self._works.clear()
            known = self._works[says] = Work(route.family, place, chosen, head.headers)
        return known

    def _act(self, fixed: _Fixed, exchange: Exchange, number: int, head: Any, body: bytes) -> None:
        started = time.perf_counter()

        def finish(answer: Answer) -> None:
            self.parts.answered(fixed.asked, answer.status, started)
            exchange.answer(number, answer, head)

        if fixed.route is None:
            finish(fixed.answer or answers.broken())
            return
        route, place = fixed.route, fixed.place
        call = Call("GET" if head.method == "HEAD" else head.method, head.path, head.headers, body)
        if route.slow:
            acting = threads.run(self._loop, self._threads_of(route), _safely, route, call, place)
            acting.add_done_callback(lambda acted: finish(_answer(acted)))
        else:
            finish(_safely(route, call, place))

    def _threads_of(self, route: routes.Action) -> threads.Pool:
        found = self._slow.get(route.act)
        if found is None:
            found = self._slow[route.act] = threads.Pool(_SLOW, thread_name_prefix="podium-slow")
        return found


def _answer(acted: "asyncio.Future[Answer]") -> Answer:
    error = acted.exception()
    return answers.of(error) if isinstance(error, PodiumError) else acted.result()


def _safely(route: routes.Action, call: Call, place: routes.Place) -> Answer:
    """The route's answer; an error of Podium's is a problem, any other a fault of ours."""
    try:
        return route.act(call, place)
    except PodiumError as error:
        return answers.of(error)
    except Exception:  # noqa: BLE001 - the process's edge: the caller gets a problem, the log the cause
        _LOG.exception("a request failed")
        return answers.broken()
