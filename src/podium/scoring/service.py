"""What each request means: bytes in, bytes out, whatever carries them."""

import hmac
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import NamedTuple

import msgspec

from podium.core import errors, ids
from podium.core import time as instants
from podium.core.errors import PodiumError, Refused
from podium.core.rollout import Durability
from podium.scoring import engine, metrics, request
from podium.scoring.board import Board
from podium.scoring.log.writer import Writer
from podium.scoring.protocols import json_body, mlflow, oip, problem
from podium.scoring.shadow import Shadows
from podium.version import VERSION

JSON = "application/json"
_LARGE = 256 * 1024
_CSV = "text/csv"


class Call(NamedTuple):
    """A request as any transport may carry it. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What goes back. With `logged`, wait for it, then give the answer to `Service.finish` before it leaves."""

    status: int
    body: bytes
    media: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    logged: Future[None] | None = None
    loaded: engine.Loaded | None = None
    outcome: engine.Outcome | None = None
    endpoint: str = ""
    started: float = 0.0


class Parts(NamedTuple):
    """What the service works with."""

    board: Board
    log: Writer
    shadows: Shadows
    counts: metrics.Metrics
    clock: instants.Clock
    new_id: ids.NewId
    ship: Callable[[], int]
    segments: Callable[[], int]
    admin_token: str = ""


class Service:
    """The scorer's front door."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._fixed: dict[tuple[str, ...], tuple[str, Callable[[Call], Answer]]] = {
            ("v2",): ("GET", lambda _: Answer(200, oip.server(VERSION))),
            ("v2", "health", "live"): ("GET", lambda _: Answer(200, b'{"live":true}')),
            ("v2", "health", "ready"): ("GET", lambda _: self._ready()),
            ("ping",): ("GET", lambda _: self._ready()),
            ("health",): ("GET", lambda _: self._ready()),
            ("version",): ("GET", lambda _: Answer(200, VERSION.encode(), "text/plain")),
            ("metrics",): ("GET", lambda _: Answer(200, self._metrics(), metrics.MEDIA)),
            ("invocations",): ("POST", lambda call: self._invoke(call, self._only_endpoint())),
            ("admin", "drain"): ("POST", self._drain),
            ("admin", "status"): ("GET", self._status),
        }

    def slow(self, call: Call) -> bool:
        """Whether to answer off the transport's own thread."""
        return len(call.body) > _LARGE or call.path.startswith("/admin/")

    def handle(self, call: Call) -> Answer:
        """Answer a request. Every error of Podium's becomes a problem; none of them is the caller's input again."""
        started = time.perf_counter()
        endpoint = ""
        try:
            parts = tuple(call.path.strip("/").split("/"))
            endpoint = self._endpoint_in(parts)
            return self._route(call, parts)._replace(started=started, endpoint=endpoint)
        except PodiumError as error:
            return _problem(error)._replace(started=started, endpoint=endpoint)

    def finish(self, answer: Answer, error: BaseException | None = None) -> Answer:
        """Count the answer; once its rows are logged let the shadows have them, else say that nothing was decided."""
        if isinstance(error, PodiumError):
            answer = _problem(error)._replace(started=answer.started, endpoint=answer.endpoint)
        elif error is not None:
            raise error
        counts = self._parts.counts
        counts.count("podium_requests_total", endpoint=answer.endpoint, status=str(answer.status))
        if answer.endpoint:
            counts.observe(answer.endpoint, time.perf_counter() - answer.started)
        if answer.outcome is not None and answer.loaded is not None:
            for part in answer.outcome.parts:
                counts.count(
                    "podium_predictions_total",
                    len(part),
                    endpoint=part.source.endpoint,
                    version=str(part.source.version),
                    role=part.source.role,
                )
            self._parts.shadows.submit(answer.loaded, answer.outcome)
        return answer

    def _endpoint_in(self, parts: tuple[str, ...]) -> str:
        """The endpoint that a path names, if this scorer serves it (else nothing may become a metric's label)."""
        if len(parts) > 2 and parts[:2] == ("v2", "models"):
            return parts[2] if self._parts.board.serves(parts[2]) else ""
        if len(parts) == 3 and parts[0] == "endpoints":
            return parts[1] if self._parts.board.serves(parts[1]) else ""
        if parts == ("invocations",):
            known = self._parts.board.endpoints()
            return known[0] if len(known) == 1 else ""
        return ""

    def _route(self, call: Call, parts: tuple[str, ...]) -> Answer:
        fixed = self._fixed.get(parts)
        if fixed is not None:
            return fixed[1](call) if call.method == fixed[0] else _not_allowed(fixed[0])
        if len(parts) == 3 and parts[0] == "endpoints" and parts[2] == "invocations":
            return self._invoke(call, parts[1]) if call.method == "POST" else _not_allowed("POST")
        if len(parts) >= 3 and parts[:2] == ("v2", "models"):
            return self._model(call, parts[2], parts[3:])
        raise errors.NotFound("There is nothing at this path.", field="path")

    def _model(self, call: Call, name: str, rest: tuple[str, ...]) -> Answer:
        loaded = self._parts.board.get(name)
        version = ""
        if len(rest) >= 2 and rest[0] == "versions":
            version, rest = rest[1], rest[2:]
            if version not in {str(live.route.version) for live in loaded.live}:
                raise errors.NotFound("The rollout of this endpoint has no such version.", field="version")
        if rest not in ((), ("ready",), ("infer",)):
            raise errors.NotFound("There is nothing at this path.", field="path")
        wanted = "POST" if rest == ("infer",) else "GET"
        if call.method != wanted:
            return _not_allowed(wanted)
        if rest == ("infer",):
            return self._infer(call, name, loaded, version)
        if rest == ("ready",):
            loaded.deciding(self._now())
            return Answer(200, msgspec.json.encode({"name": name, "ready": True}))
        return self._describe(name, loaded, version)

    def _describe(self, name: str, loaded: engine.Loaded, version: str) -> Answer:
        live = [each for each in loaded.live if not version or str(each.route.version) == version]
        if not live:
            raise errors.Unavailable("This endpoint has no rollout with a version.", field="endpoint")
        first = live[0]
        decides = any(each.route.threshold is not None for each in live)
        versions = sorted({each.route.version for each in live})
        return Answer(200, oip.model(name, versions, first.runtime.manifest.signature, decides=decides))

    def _infer(self, call: Call, name: str, loaded: engine.Loaded, version: str) -> Answer:
        if "inference-header-content-length" in call.headers:
            return _status(415, "The binary tensor extension is not spoken here.", "Send the tensors as JSON.")
        if not _is(call, JSON):
            return _wrong_media(JSON)
        champion, canary = loaded.deciding(self._now())
        if version and (canary is not None or version != str(champion.route.version)):
            raise errors.Conflict(
                "The rollout chooses the version of each row.",
                field="version",
                fix="Leave the version out of the path.",
            )
        body = json_body.parse(call.body)
        sent = oip.read(body, self._parts.new_id("req"), champion.runtime.manifest.signature)
        return self._score(loaded, sent, lambda scored: oip.write(name, scored))

    def _invoke(self, call: Call, name: str) -> Answer:
        loaded = self._parts.board.get(name)
        champion, _ = loaded.deciding(self._now())
        signature = champion.runtime.manifest.signature
        given = call.headers.get("x-request-id")
        request_id = self._parts.new_id("req") if given is None else request.check_id(given, "X-Request-Id")
        if _is(call, _CSV):
            sent = mlflow.read_csv(call.body, request_id, signature)
        elif _is(call, JSON):
            sent = mlflow.read(json_body.parse(call.body), request_id, signature)
        else:
            return _wrong_media(f"{JSON} or {_CSV}")
        return self._score(loaded, sent, mlflow.write)

    def _score(self, loaded: engine.Loaded, sent: request.Rows, write: Callable[[request.Scored], bytes]) -> Answer:
        outcome = loaded.score(sent, self._now())
        body = write(outcome.scored)
        durable = loaded.document.durability is Durability.DURABLE
        logged = self._parts.log.append(outcome.parts, durable=durable)
        return Answer(200, body, logged=logged, loaded=loaded, outcome=outcome)

    def _only_endpoint(self) -> str:
        board = self._parts.board
        known = board.endpoints() or sorted(board.refused)
        if len(known) == 1:
            return known[0]
        raise errors.NotFound(
            "This scorer serves several endpoints, or none.", field="path", fix="Post to /endpoints/<name>/invocations."
        )

    def _ready(self) -> Answer:
        """Ready when some endpoint can decide."""
        for endpoint in self._parts.board.endpoints():
            try:
                self._parts.board.get(endpoint).deciding(self._now())
            except errors.Unavailable:
                continue
            return Answer(200, b'{"ready":true}')
        raise errors.Unavailable("No endpoint of this scorer can decide now.", fix="See /metrics and its log.")

    def _metrics(self) -> bytes:
        parts = self._parts
        return parts.counts.text(
            {
                "podium_rollout_number": {name: float(number) for name, number in parts.board.numbers().items()},
                "podium_log_bytes_written": {"": float(parts.log.bytes_written)},
                "podium_log_rows_waiting": {"": float(parts.log.waiting)},
                "podium_log_segments_waiting": {"": float(parts.segments())},
                "podium_log_failing": {"": float(parts.log.problem is not None)},
                "podium_shadow_rows_waiting": {"": float(parts.shadows.waiting)},
            }
        )

    def _drain(self, call: Call) -> Answer:
        """Wait for the shadows, seal the log, ship it: then the control plane has every prediction."""
        self._check_admin(call)
        if not self._parts.shadows.drain():
            raise errors.Unavailable("The shadows did not finish in time.", fix="Try again.")
        self._parts.log.flush()
        sent = self._parts.ship()
        return Answer(200, msgspec.json.encode({"shipped": sent, "waiting": self._parts.segments()}))

    def _status(self, call: Call) -> Answer:
        self._check_admin(call)
        return Answer(200, msgspec.json.encode(self._parts.board.status()))

    def _check_admin(self, call: Call) -> None:
        wanted = f"Bearer {self._parts.admin_token}".encode()
        given = call.headers.get("authorization", "").encode()
        if not self._parts.admin_token or not hmac.compare_digest(given, wanted):
            raise Refused("This needs the scorer's admin token.", field="Authorization")

    def _now(self) -> int:
        return instants.to_us(self._parts.clock())


def _is(call: Call, media: str) -> bool:
    given, _, parameters = call.headers.get("content-type", "").lower().partition(";")
    charset = parameters.strip().partition("charset=")[2].strip('" ')
    return given.strip() == media and charset in ("", "utf-8", "utf8", "us-ascii")


def _problem(error: PodiumError) -> Answer:
    status, body = problem.of(error)
    headers = (("retry-after", "1"),) if status == 503 else ()
    return Answer(status, body, problem.MEDIA, headers)


def _status(status: int, detail: str, fix: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, problem.encode(status, "invalid", detail, fix=fix), problem.MEDIA, headers)


def _not_allowed(allowed: str) -> Answer:
    return _status(405, "This path does not answer that method.", f"Use {allowed}.", (("allow", allowed),))


def _wrong_media(wanted: str) -> Answer:
    return _status(415, "The body's content type is not one that this path takes.", f"Send {wanted}, in UTF-8.")


def too_large(limit: int) -> Answer:
    """For a body over the limit, which no transport reads to its end."""
    return _status(413, "The body is too large.", f"Send at most {limit} bytes; split the rows over several requests.")


def too_slow() -> Answer:
    """For a body that does not arrive."""
    return _status(408, "The body did not arrive in time.", "Send it again.")


def broken() -> Answer:
    """For a fault of our own."""
    body = problem.encode(500, "error", "The scorer failed; its log says why.")
    return Answer(500, body, problem.MEDIA)
