"""The processes of a platform: `server`, `worker`, `scorer`, and `up`, which runs all three and keeps them running."""

import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from podium.cli import console, supervise
from podium.client import credentials
from podium.core import access, log_lines
from podium.core.config import Config
from podium.server import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podium.core.trace import Export

_FOLLOW_S = 1.0
_TRIM_S = 2.0
LOCAL_USER = "local"
LOCAL_ROLES = (access.Role.SCIENTIST, access.Role.ENGINEER, access.Role.AUDITOR, access.Role.ADMIN)


def server(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="The port; 0 chooses a free one.")] = -1,
) -> None:
    """Run the control plane.

    Example: podium server --port 8400
    """
    from podium.bundle import arrow_alone

    arrow_alone.without_pandas()
    from podium.server import app, routes, serve, wiring

    config = _changed(settings.load(), host=host or None, port=port if port >= 0 else None)
    _begin(config)
    listener = serve.bind(config.host, config.port)
    store = wiring.open_store(config)
    console.err.print(f"Podium serves on http://{config.host}:{listener.getsockname()[1]}")
    with _spans(config, "podium-server", f"{socket.gethostname()}-{os.getpid()}") as export:
        serve.run(app.build(store, routes.ALL), listener, config.log_level, export)


def worker(
    name: Annotated[str, typer.Option(help="This worker's name; by default host and process number.")] = "",
) -> None:
    """Run jobs: training, packaging, gates, windows, releases.

    Example: podium worker
    """
    from podium.bundle import arrow_alone

    arrow_alone.without_pandas()
    from podium.jobs.worker import Worker
    from podium.server import handlers, wiring

    config = settings.load()
    _begin(config)
    store = wiring.open_store(config)
    stop = threading.Event()
    _on_signal(stop)
    chosen = name or f"{socket.gethostname()}-{os.getpid()}"
    with _spans(config, "podium-worker", chosen) as export:
        made = Worker(
            store=store,
            handlers=handlers.of(config),
            limits=handlers.LIMITS,
            name=chosen,
            lease_seconds=config.lease_seconds,
            threads=config.workers,
            export=export,
        )
        console.err.print(f"Podium worker {made.name} is ready")
        made.run(stop)
    store.database.close()


def scorer(
    project: Annotated[str, typer.Option("--project", "-p", help="The project whose endpoints are served.")],
    folder: Annotated[Path | None, typer.Option(help="Where bundles, rollouts and the log are kept.")] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="The port; 0 chooses a free one.")] = -1,
    grpc_port: Annotated[int, typer.Option(help="A port for gRPC too; 0 chooses a free one.")] = -1,
    name: Annotated[str, typer.Option(help="This scorer's name; stable across restarts.")] = "scorer",
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that share the port.")] = 1,
) -> None:
    """Serve predictions. Goes on serving from its cache when the control plane is away.

    Example: podium scorer --project flights --port 8401
    """
    from podium.cli import extras, scorer_process

    extras.need("scorer", extras.SCORER)
    config = _changed(
        settings.load(),
        host=host or None,
        scorer_port=port if port >= 0 else None,
        grpc_port=grpc_port if grpc_port >= 0 else None,
    )
    _begin(config)
    place = folder or Path(config.home) / "scorers" / name
    scorer_process.run(config, project=project, folder=place, name=name, workers=workers)


def up(
    project: Annotated[str, typer.Option("--project", "-p", help="The project whose endpoints are served.")] = "",
) -> None:
    """Run the whole platform here: control plane, worker and scorer, each started again if it dies.

    Example: podium up --project flights
    """
    from podium.cli import extras
    from podium.cli.session import project_here
    from podium.server import serve

    extras.need("scorer", extras.SCORER)
    config = settings.load()
    for port in (config.port, config.scorer_port):
        serve.bind(config.host, port).close()
    chosen = project or project_here() or "default"
    token = prepare(config)
    supervisor = supervise.Supervisor(
        parts(config, chosen, token), say=lambda text: console.err.print(f"! {text}", markup=False)
    )
    stop = threading.Event()
    _on_signal(stop)
    supervisor.start()
    console.err.print(
        f"Podium: http://{config.host}:{config.port}   scoring: http://{config.host}:{config.scorer_port}"
    )
    for extra, packages in (("train", extras.TRAIN), ("monitor", extras.MONITOR)):
        if extras.missing(packages):
            console.err.print(
                f"! Jobs of the extra {extra} fail here until it is there: pip install 'podium\\[{extra}]'"
            )
    console.err.print("Commands in this folder find it by themselves. Ctrl-C stops it.")
    stop.wait()
    supervisor.stop()


def prepare(config: Config) -> str:
    """Make the store and the local user; leave credentials for commands in this folder. The scorer's token."""
    from podium.server import own_token, wiring

    store, home = wiring.open_store(config), Path(config.home)
    secret = own_token.secret(store, home, LOCAL_USER, LOCAL_ROLES, "podium up")
    credentials.save(home, credentials.Credentials(url=f"http://{config.host}:{config.port}", token=secret))
    scorer_secret = own_token.secret(store, home, "scorer", (access.Role.SCORER,), "podium up")
    store.database.close()
    return scorer_secret


FRUGAL = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "33554432", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Allocators give memory back after a large job instead of keeping it for the next."""


def parts(
    config: Config, project: str, scorer_token: str, *, logs: Path | None = None, admin_token: str = ""
) -> list[supervise.Part]:
    """The three processes of a platform on one machine. `admin_token`: lets its holder drain the scorer."""
    config = _changed(config, supervisor=os.getpid())
    plane = settings.as_environment(config) | FRUGAL
    scoring = FRUGAL | settings.as_environment(
        _changed(
            config,
            url=f"http://{config.host}:{config.port}",
            token=scorer_token,
            admin_token=admin_token or config.admin_token,
        )
    )
    log = {name: logs / f"{name}.log" if logs else None for name in ("server", "worker", "scorer")}
    return [
        supervise.Part(name="server", arguments=("server",), environment=plane, log=log["server"]),
        supervise.Part(name="worker", arguments=("worker",), environment=plane, log=log["worker"]),
        supervise.Part(
            name="scorer", arguments=("scorer", "--project", project), environment=scoring, log=log["scorer"]
        ),
    ]


@contextlib.contextmanager
def _spans(config: Config, service: str, instance: str) -> "Iterator[Export | None]":
    """Where this process's spans go, while the block lasts; what waits then is sent at its end."""
    if not config.otlp_url:
        yield None
        return
    from podium.scoring.otlp import spans
    from podium.store import clock

    export = spans.Spans(config.otlp_url, spans.resource(service, instance), clock.choose(config.clock), _lost)
    try:
        yield export
    finally:
        export.close()


def _lost(count: int) -> None:
    logging.getLogger("podium.spans").warning("%d spans are dropped", count)


def _changed(config: Config, **values: object) -> Config:
    return msgspec.structs.replace(config, **{key: value for key, value in values.items() if value is not None})


def _begin(config: Config) -> None:
    """Set logging up, and stop when the supervisor is gone."""
    give_back_memory()
    if config.supervisor:
        threading.Thread(target=_follow, args=(config.supervisor,), daemon=True, name="follow").start()
    lines = logging.StreamHandler(sys.stderr)
    as_json = config.log_format == "json" or (config.log_format == "auto" and not sys.stderr.isatty())
    lines.setFormatter(log_lines.JsonLines() if as_json else log_lines.Words())
    logging.basicConfig(level=config.log_level.upper(), handlers=[lines])
    for noisy in ("alembic", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def give_back_memory() -> None:
    """Return freed memory to the system now and then: a large job must not stay the size of its process."""
    threading.Thread(target=_give_back, daemon=True, name="give-back").start()


def _give_back() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        time.sleep(_TRIM_S)
        trim(0)


def _follow(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(_FOLLOW_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _on_signal(stop: threading.Event) -> None:
    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
