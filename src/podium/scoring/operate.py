"""What a scorer says of itself: health, metadata, metrics; and draining it."""

import contextlib
import hmac
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from podium.core import errors, ids
from podium.core import time as instants
from podium.core.errors import Refused
from podium.scoring import engine, metrics, models, process, routes
from podium.scoring.board import Board
from podium.scoring.call import Answer, Call
from podium.scoring.log.writer import Writer
from podium.scoring.protocols import oip
from podium.scoring.routes import Action, Place
from podium.scoring.shadow.queue import Shadows
from podium.scoring.siblings import Siblings
from podium.scoring.watch import Watch
from podium.version import VERSION

_DRAIN_SECONDS = 60.0


class Parts(NamedTuple):
    """What a scorer works with."""

    board: Board
    log: Writer
    shadows: Shadows
    counts: metrics.Metrics
    clock: instants.Clock
    new_id: ids.NewId
    new_ids: Callable[[str, int], list[str]]
    """So many new ids with a prefix."""
    ship: Callable[[], int]
    segments: Callable[[], int]
    admin_token: str = ""
    more: Mapping[str, routes.Route] = MappingProxyType({})
    """Routes beside those of scoring and operation."""
    watch: Watch = Watch()
    others: Siblings | None = None
    """The other processes on this port, if there are any."""

    def now(self) -> int:
        return instants.to_us(self.clock())

    def answered(self, asked: metrics.Asked, status: int, started: float, requests: int = 1) -> None:
        """Count requests that are answered now. Only an endpoint that is served may become a metric's label."""
        named = asked.endpoint if self.board.serves(asked.endpoint) else ""
        asked = asked._replace(endpoint=named, status=str(status))
        self.counts.answered(asked, requests, time.perf_counter() - started)


class Operations:
    """The routes beside scoring."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        log, board, counts = parts.log, parts.board, parts.counts
        process.watch(counts)
        models.watch(counts, board)
        if parts.others is not None:
            parts.others.follow(self._seal)
        counts.watch(
            "podium_rollout_number",
            lambda: {(("endpoint", name),): float(number) for name, number in board.numbers().items()},
        )
        counts.watch("podium_log_written_bytes_total", lambda: float(log.bytes_written + parts.shadows.bytes_written))
        counts.watch("podium_log_rows_waiting", lambda: float(log.waiting))
        counts.watch("podium_log_segments_waiting", lambda: float(parts.segments()))
        counts.watch("podium_log_failing", lambda: float(log.problem is not None))
        counts.watch("podium_shadow_rows_waiting", lambda: float(parts.shadows.waiting))

    def routes(self) -> dict[str, routes.Route]:
        """By pattern."""
        return {
            "/v2": Action("GET", lambda _, __: Answer(200, oip.server(VERSION))),
            "/v2/health/live": Action("GET", lambda _, __: Answer(200, b'{"live":true}')),
            "/v2/health/ready": Action("GET", self._ready),
            "/ping": Action("GET", self._ready),
            "/health": Action("GET", self._ready),
            "/version": Action("GET", lambda _, __: Answer(200, VERSION.encode(), "text/plain")),
            "/metrics": Action("GET", self._metrics),
            "/admin/drain": Action("POST", self._drain, slow=True),
            "/admin/status": Action("GET", self._status),
            "/v2/models/{endpoint}": Action("GET", self._describe),
            "/v2/models/{endpoint}/ready": Action("GET", self._model_ready),
            "/v2/models/{endpoint}/versions/{version}": Action("GET", self._describe),
            "/v2/models/{endpoint}/versions/{version}/ready": Action("GET", self._model_ready),
        }

    def _ready(self, _call: Call, _place: Place) -> Answer:
        if ready(self._parts):
            return Answer(200, b'{"ready":true}')
        raise errors.Unavailable("No endpoint of this scorer can decide now.", fix="See /metrics and its log.")

    def _model_ready(self, _call: Call, place: Place) -> Answer:
        check_ready(self._parts, place)
        return Answer(200, msgspec.json.encode({"name": place.endpoint, "ready": True}))

    def _describe(self, _call: Call, place: Place) -> Answer:
        return Answer(200, msgspec.json.encode(described(self._parts.board, place)))

    def _metrics(self, _call: Call, _place: Place) -> Answer:
        """Of all processes on this port, whichever is asked."""
        own, others = self._parts.counts.text(), self._parts.others
        return Answer(200, own if others is None else others.together(own), metrics.MEDIA)

    def _drain(self, call: Call, _place: Place) -> Answer:
        """Wait for the shadows, seal the log, ship it, of all processes on this port: then the control plane has every
        prediction."""
        self._check_admin(call)
        others = self._parts.others
        if not (self._seal() if others is None else others.drain(self._seal, _DRAIN_SECONDS)):
            raise errors.Unavailable("Shadows, or another process, did not finish in time.", fix="Try again.")
        sent = self._parts.ship()
        several = {} if others is None else {"processes": others.count}
        return Answer(200, msgspec.json.encode({"shipped": sent, "waiting": self._parts.segments(), **several}))

    def _seal(self) -> bool:
        """Bring everything that this process predicted into sealed segments; whether that was done in time."""
        if not self._parts.shadows.drain():
            return False
        self._parts.log.flush()
        return True

    def _status(self, call: Call, _place: Place) -> Answer:
        self._check_admin(call)
        return Answer(200, msgspec.json.encode(self._parts.board.status()))

    def _check_admin(self, call: Call) -> None:
        wanted = f"Bearer {self._parts.admin_token}".encode()
        given = call.headers.get("authorization", "").encode()
        if not self._parts.admin_token or not hmac.compare_digest(given, wanted):
            raise Refused(
                "This needs the scorer's admin token.",
                field="Authorization",
                fix="Send it as Authorization: Bearer <token>.",
            )


def only_endpoint(board: Board) -> str:
    """The endpoint of a scorer that serves just one; else `NotFound`."""
    known = board.endpoints() or board.unserved()
    if len(known) == 1:
        return known[0]
    raise errors.NotFound(
        "This scorer serves several endpoints, or none.", field="path", fix="Post to /endpoints/<name>/invocations."
    )


def loaded(board: Board, place: Place) -> engine.Loaded:
    """What the endpoint serves from; `NotFound` when its rollout has not the version that the path names."""
    found = board.get(place.endpoint)
    if place.version and place.version not in {str(live.route.version) for live in found.live}:
        raise errors.NotFound(
            "The rollout of this endpoint has no such version.",
            field="version",
            fix="Leave the version out of the path.",
        )
    return found


def ready(parts: Parts) -> bool:
    """Whether some endpoint can decide: its champion may, and answers."""
    for endpoint in parts.board.endpoints():
        with contextlib.suppress(errors.Unavailable):
            if parts.board.get(endpoint).deciding(parts.now()).champion.runtime.ready:
                return True
    return False


def check_ready(parts: Parts, place: Place) -> None:
    """`Unavailable` where a version that decides there may not, or its model cannot answer now; of a version that the
    path names, where that one's cannot."""
    found = loaded(parts.board, place)
    deciding = [each for each in found.deciding(parts.now()) if each is not None]
    named = [each for each in found.live if str(each.route.version) == place.version]
    silent = sorted({each.route.version for each in (named if place.version else deciding) if not each.runtime.ready})
    if silent:
        raise errors.Unavailable(
            f"The model of version {' and '.join(map(str, silent))} cannot answer now.",
            field="model",
            fix="Ask again later; the scorer's log says why.",
        )


def described(board: Board, place: Place) -> dict[str, Any]:
    """An endpoint's metadata, or that of one of its versions: name, versions, platform, inputs, outputs."""
    found = loaded(board, place).live
    live = [each for each in found if not place.version or str(each.route.version) == place.version]
    if not live:
        raise errors.Unavailable(
            "This endpoint has no rollout with a version.", field="endpoint", fix="Release a version to it."
        )
    decides = any(each.route.threshold is not None for each in live)
    versions = sorted({each.route.version for each in live})
    refers = any(each.route.review is not None for each in live)
    return oip.model(place.endpoint, versions, live[0].runtime.manifest, decides=decides, refers=refers)
