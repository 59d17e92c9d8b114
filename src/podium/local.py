"""The whole platform in this process: for notebooks, tests and a first look. The same server, over loopback."""

import secrets
import threading
from pathlib import Path

from podium.client.client import Client
from podium.client.transport import Transport
from podium.core.config import Config
from podium.jobs.worker import Worker
from podium.manage.access import actions as people
from podium.server import app, handlers, routes, serve, wiring

_START_S = 30.0


def local(folder: str | Path = ".podium", project: str = "default", *, user: str = "local") -> Client:
    """A client joined to a control plane and a worker that run in threads of this process, on a folder.

    `user` is made if missing, with the roles of a scientist, an engineer, an auditor and an administrator. Closing the
    client stops both. Nothing listens outside this machine. Raises `Unavailable` when the folder cannot be written.
    """
    config = Config(home=str(folder))
    store = wiring.open_store(config)
    secret = people.personal_token(store, user, note="this process")
    listener = serve.bind("127.0.0.1", 0)
    server = serve.server(app.build(store, routes.ALL), "warning")
    stop = threading.Event()
    worker = Worker(store=store, handlers=handlers.ALL, limits=handlers.LIMITS, name=f"local-{secrets.token_hex(3)}")
    threads = [
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True, name="podium-server"),
        threading.Thread(target=worker.run, args=(stop,), daemon=True, name="podium-worker"),
    ]
    for thread in threads:
        thread.start()

    def close() -> None:
        stop.set()
        server.should_exit = True
        for thread in threads:
            thread.join(_START_S)
        store.database.close()

    port = listener.getsockname()[1]
    return Client(Transport(f"http://127.0.0.1:{port}", secret, patience=_START_S, on_close=close), project)
