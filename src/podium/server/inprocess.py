"""A control plane and a worker in threads of this process, on a loopback port that only this process knows."""

import secrets
import threading
from pathlib import Path

from podium.core import access
from podium.core.config import Config
from podium.jobs.worker import Worker
from podium.server import app, handlers, own_token, routes, serve, wiring

STOP_S = 30.0
ROLES = (access.Role.SCIENTIST, access.Role.ENGINEER, access.Role.AUDITOR, access.Role.ADMIN)


class Running:
    """A platform in this process. `secret` is the token of its user."""

    def __init__(self, config: Config, user: str) -> None:
        self._store = wiring.open_store(config)
        self.secret = own_token.secret(self._store, Path(config.home), user, ROLES, "local mode")
        listener = serve.bind("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = serve.server(app.build(self._store, routes.ALL), "warning")
        self._stop = threading.Event()
        worker = Worker(
            store=self._store,
            handlers=handlers.of(config),
            limits=handlers.LIMITS,
            name=f"local-{secrets.token_hex(3)}",
        )
        self._threads = [
            threading.Thread(
                target=self._server.run, kwargs={"sockets": [listener]}, daemon=True, name="podium-server"
            ),
            threading.Thread(target=worker.run, args=(self._stop,), daemon=True, name="podium-worker"),
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Finish what runs, and stop."""
        self._stop.set()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join(STOP_S)
        self._store.database.close()
