"""Starts the scorer from settings: the only place where the command line meets the data plane."""

from pathlib import Path

from podium.core.config import Config
from podium.core.errors import Invalid
from podium.scoring import serve
from podium.scoring import workers as several
from podium.store import clock as clocks


def run(config: Config, *, project: str, folder: Path, name: str, workers: int = 1) -> None:
    """Serve until SIGTERM. Without a control plane's address it serves from its folder alone."""
    settings = serve.Settings(
        host=config.host,
        port=config.scorer_port,
        folder=folder,
        project=project,
        name=name,
        url=config.url,
        token=config.token,
        admin_token=config.admin_token,
        clock=clocks.choose(config.clock),
        folder_only=not config.url,
        bundle_limit=config.bundle_limit,
        row_seconds=config.row_seconds,
        load_seconds=config.load_seconds,
        log_rows=config.log_rows,
        log_bytes=config.log_bytes,
        access_log=config.access_log,
        otlp_url=config.otlp_url,
    )
    if workers == 1:
        serve.run(settings, _fronts(config))
        return
    if config.grpc_port == 0:
        raise Invalid("Several workers need one port for gRPC.", field="grpc-port", fix="Give a port, not 0.")
    several.run(settings, workers, _fronts(config))


def _fronts(config: Config) -> list[serve.Front]:
    """gRPC, where it is wanted: only then its library is loaded."""
    if config.grpc_port < 0:
        return []
    from podium.scoring.rpc import server

    limits = server.Limits()
    return [lambda service: server.front(service, (config.host, config.grpc_port), limits)]
