"""Run the control plane until it is told to stop."""

import random
import socket

import uvicorn
from litestar import Litestar

from podium.core.errors import Unavailable
from podium.core.trace import Export
from podium.server import traced


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `Unavailable` that says who may hold the port and what to do."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as problem:
        listener.close()
        raise Unavailable(
            f"Port {port} on {host} cannot be used ({problem.strerror}).",
            field="port",
            fix="Another Podium may be running: see podium status; or choose another port with PODIUM_PORT.",
        ) from None
    listener.listen(512)
    return listener


def run(app: Litestar, listener: socket.socket, log_level: str, export: Export | None = None) -> None:
    """Serve on a socket until SIGTERM or SIGINT; running requests are finished. `export`: where spans go."""
    server(app, log_level, export).run(sockets=[listener])


def server(app: Litestar, log_level: str, export: Export | None = None) -> uvicorn.Server:
    """The HTTP server, not yet running."""
    config = uvicorn.Config(
        traced.Traced(app, export, random.randbytes),
        log_config=None,
        log_level=log_level,
        access_log=False,
        timeout_graceful_shutdown=10,
        lifespan="on",
        server_header=False,
    )
    return uvicorn.Server(config)
