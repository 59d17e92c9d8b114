"""The whole platform in this process: for notebooks, tests and a first look. The same server, over loopback."""

from pathlib import Path

from podium.client.client import Client
from podium.client.transport import Transport
from podium.core.config import Config
from podium.server import inprocess


def local(folder: str | Path = ".podium", project: str = "default", *, user: str = "local") -> Client:
    """A client joined to a control plane and a worker that run in threads of this process, on a folder.

    `user` is made if missing, with the roles of a scientist, an engineer, an auditor and an administrator. Closing the
    client stops both. Nothing listens outside this machine. Raises `Unavailable` when the folder cannot be written.
    """
    running = inprocess.Running(Config(home=str(folder)), user)
    return Client(Transport(running.url, running.secret, patience=inprocess.STOP_S, on_close=running.close), project)
