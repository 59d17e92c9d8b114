"""The scorer process: puts its parts together, serves, and ends without losing a prediction."""

import asyncio
import contextlib
import functools
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from podium.bundle import arrow_alone
from podium.core import ids
from podium.core.errors import Invalid, PodiumError
from podium.core.time import Clock
from podium.scoring import cache, ending, lean, metrics, operate, pace, process, proof, service, siblings, stall
from podium.scoring.board import Board
from podium.scoring.explain.desk import Desk
from podium.scoring.explain.route import Explaining
from podium.scoring.http import connection, limits, listen, writing
from podium.scoring.log import recover
from podium.scoring.log.places import MOST_BYTES, MOST_WAITING, Limits
from podium.scoring.log.writer import Writer
from podium.scoring.otlp import spans
from podium.scoring.poll import Poller
from podium.scoring.shadow.queue import Shadows
from podium.scoring.shadow.waiting import MOST, Most
from podium.scoring.ship import Counted, Shipper
from podium.scoring.source import ControlPlane, Folder
from podium.scoring.watch import Watch

_LOG = logging.getLogger("podium.scorer")
_SWITCH_SECONDS = 0.0005
"""How long another thread may keep the interpreter from the loop (Python's own 5 ms is an answer's time here)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A scorer's settings.

    `public_keys` are files with the control plane's key. Without them, and without one pinned earlier, the key is
    fetched from the control plane's `/api/v1/keys` at the first start, and pinned in the folder: trust on first use.
    Whoever can answer that one request decides whom this scorer trusts; give the file where that matters.
    """

    clock: Clock
    folder: Path
    """Cache and prediction log; several scorer processes may share it."""
    project: str = ""
    host: str = "127.0.0.1"
    port: int = 8401
    """0: any free one; it is printed."""
    shared: bool = False
    """Other scorers may listen on the same port; the kernel spreads connections over them (SO_REUSEPORT)."""
    endpoints: tuple[str, ...] = ()
    """Empty: all of the project."""
    environment: str = ""
    """Empty: any; each approval must be for the rollout's own."""
    url: str = ""
    """The control plane's address."""
    token: str = ""
    folder_only: bool = False
    """Serve `<folder>/rollouts/*.json` and `<folder>/bundles/<hex>/`; no control plane; the log stays in the folder."""
    public_keys: tuple[Path, ...] = ()
    admin_token: str = ""
    """For `/admin/drain`; empty: closed."""
    name: str = ""
    """The scorer's name; empty: one is made and kept in the folder."""
    http: limits.Limits = limits.Limits()
    segment_bytes: int = 32 * 1024 * 1024
    segment_seconds: float = 10.0
    log_rows: int = MOST_WAITING
    """Rows that may wait for a disk that refuses; beyond that `durable` answers 503, `queued` drops and counts."""
    log_bytes: int = MOST_BYTES
    """The same in bytes: rows may have long texts."""
    poll_seconds: float = 0.5
    shadow_rows: int = MOST.rows
    """Rows that may wait for shadows, each as often as there are shadows; beyond that they are dropped and counted."""
    shadow_bytes: int = MOST.bytes
    """The same in bytes."""
    drain_seconds: int = 20
    """How long requests may take to finish after SIGTERM, over HTTP and gRPC."""
    bundle_limit: int = 4 * 1024**3
    """A version whose files are larger than that many bytes is refused."""
    row_seconds: float = 1.0
    """A version that needs longer for one row is refused."""
    stall_seconds: float = 30.0
    """The process ends when its event loop does not come round for so long; 0: never."""
    load_seconds: float = 120.0
    """A version that needs longer to load and to answer its golden rows is refused."""
    access_log: float = 0.0
    """The share of requests that are logged, each in a line."""
    otlp_url: str = ""
    """Where the spans of sampled traces go; empty: nowhere."""


Front = Callable[[service.Service], AbstractAsyncContextManager[listen.Drain]]
"""Another way in beside HTTP, on the same loop: it takes requests while its context lasts, or until it is drained."""


def say(address: str) -> None:
    """Print where the scorer answers."""
    sys.stdout.write(f"podium scorer listening on {address}\n")
    sys.stdout.flush()


def run(
    settings: Settings,
    fronts: Sequence[Front] = (),
    ready: Callable[[str], None] = say,
    others: siblings.Siblings | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then end the process: after `drain_seconds` and some eight more at the latest.

    Prints `podium scorer listening on http://host:port` when it answers.
    `others`: the other processes on the port, if there are any.
    """
    ending.while_starting()
    process.open_many()
    arrow_alone.without_pandas()
    kept = cache.Cache(settings.folder)
    recover.folder(kept.log)
    counts = metrics.Metrics()
    board = _board(settings, kept, counts)
    plane = None if settings.folder_only else _control_plane(settings, kept)
    poller = Poller(board, plane or Folder(kept), kept, endpoints=settings.endpoints, seconds=settings.poll_seconds)
    scorer = kept.scorer_name(settings.name, os.urandom(6))
    poller.scorer = scorer
    shipper = Shipper(kept.log, None if plane is None else lambda *sealed: plane.ship(scorer, *sealed))
    new_id = _new_id(settings.clock)
    sealing = Limits(
        bytes=settings.segment_bytes,
        seconds=settings.segment_seconds,
        waiting=settings.log_rows,
        waiting_bytes=settings.log_bytes,
    )
    segments = Counted(shipper)
    dropped = functools.partial(counts.count, "podium_log_dropped_total")
    dropped(0)
    log = Writer(kept.log, lambda: new_id("segment"), sealing, shipper.wake, dropped)
    shadows = Shadows(board.serving, kept, sealing, counts, Most(settings.shadow_rows, settings.shadow_bytes))
    paces = pace.Pace(board)
    poller.tell = lambda: {
        "segments_waiting": shipper.waiting(),
        "log_problem": log.problem,
        "pace": paces.tell(),
    }
    parts = operate.Parts(
        board=board,
        log=log,
        shadows=shadows,
        counts=counts,
        clock=settings.clock,
        new_id=new_id,
        new_ids=_new_ids(settings.clock),
        ship=segments.ship,
        segments=segments.waiting,
        admin_token=settings.admin_token,
        watch=_watch(settings, scorer, counts),
        others=others,
    )
    desk = Desk()
    parts = parts._replace(more=Explaining(parts, desk, kept.bundle).routes())
    poller.begin()
    shipper.start()
    each_second = _nothing if others is None else lambda: others.write(counts.text())
    try:
        _serve(settings, parts, fronts, each_second, ready)
    finally:
        _hand_over(parts, shipper, poller.stop, desk.close)
        if plane is not None:
            plane.close()
    ending.leave()


def _watch(settings: Settings, scorer: str, counts: metrics.Metrics) -> Watch:
    if not settings.otlp_url:
        return Watch(settings.access_log)
    dropped = functools.partial(counts.count, "podium_spans_dropped_total")
    dropped(0)
    about = spans.resource("podium-scorer", scorer) | {"podium.project": settings.project}
    export = spans.Spans(settings.otlp_url, about, settings.clock, dropped)
    return Watch(settings.access_log, export=export)


def _board(settings: Settings, kept: cache.Cache, counts: metrics.Metrics) -> Board:
    board = Board(settings.project, settings.environment, settings.clock, counts)
    board.limits = proof.Limits(
        bytes=settings.bundle_limit,
        row_seconds=settings.row_seconds,
        load_seconds=settings.load_seconds,
        proven=kept.proven,
    )
    board.keys = {**cache.keys(settings.public_keys), **({} if settings.public_keys else kept.pinned())}
    return board


def _control_plane(settings: Settings, kept: cache.Cache) -> ControlPlane:
    if not settings.url or not settings.project:
        raise Invalid(
            "A scorer needs the control plane's address and a project.",
            field="url",
            fix="Give them, or serve from a folder only.",
        )
    plane = ControlPlane(settings.url, settings.token, settings.project, kept)
    plane.limits = proof.Limits(bytes=settings.bundle_limit)
    return plane


def _new_id(clock: Clock) -> ids.NewId:
    return lambda prefix: ids.make(prefix, clock(), os.urandom(8))


def _new_ids(clock: Clock) -> Callable[[str, int], list[str]]:
    return lambda prefix, count: ids.many(prefix, clock(), os.urandom(8 * count))


def _hand_over(parts: operate.Parts, shipper: Shipper, *closing: Callable[[], None]) -> None:
    """Close all parts, and ship what they sealed; what does not go out now waits in the folder for the next start."""
    ends = time.monotonic() + ending.HAND_OVER_SECONDS
    seconds = ending.CLOSE_SECONDS
    models = [live.runtime.close for loaded in parts.board.serving() for live in loaded.live if live.runtime.blocking]
    logs = [functools.partial(each.close, seconds) for each in (parts.log, parts.shadows)]
    ending.side_by_side([*closing, *logs, parts.watch.close, *models], seconds)
    shipper.stop(max(0.0, ends - time.monotonic()))
    try:
        shipper.ship()
    except (PodiumError, OSError) as problem:
        _LOG.warning("%d log segments wait for the next start: %s", shipper.waiting(), problem)


def _nothing() -> None:
    """Of a process alone on its port nobody wants to know each second."""


def _serve(
    settings: Settings,
    parts: operate.Parts,
    fronts: Sequence[Front],
    each_second: Callable[[], None],
    ready: Callable[[str], None],
) -> None:
    bound = listen.bind(settings.host, settings.port, shared=settings.shared)
    address = f"http://{listen.where(settings.host, bound.getsockname()[1])}"
    sys.setswitchinterval(_SWITCH_SECONDS)
    lean.keep()
    watchdog = stall.Watchdog(settings.stall_seconds)

    def second() -> None:
        watchdog.beat()
        each_second()

    async def main() -> None:
        watchdog.beat()
        meaning = service.Service(parts, asyncio.get_running_loop())
        shared = connection.Shared(meaning, settings.http, writing.Heads(settings.clock))
        async with contextlib.AsyncExitStack() as open_fronts:
            drains = [await open_fronts.enter_async_context(front(meaning)) for front in fronts]
            ends = functools.partial(ending.at_latest, settings.drain_seconds)
            life = listen.Life(lambda: ready(address), second, ends, drains)
            await listen.serve(bound, shared, life, settings.drain_seconds)

    try:
        listen.run(main)
    finally:
        watchdog.stop()
