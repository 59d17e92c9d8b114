"""Which platform a command talks to: the one named by settings, the one running here, or one inside this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from podium.client import credentials
from podium.client.client import Client
from podium.client.connect import connect
from podium.core import project_file
from podium.core.config import Config
from podium.core.errors import Invalid, Unavailable
from podium.server import settings

PROJECT_FILE = "podium.toml"


@contextmanager
def session(project: str = "") -> Iterator[Client]:
    """A client for one command, in the project asked for or found; closed at the end."""
    config = settings.load()
    chosen = project or project_here() or "default"
    client = _open(config, chosen)
    try:
        yield client
    finally:
        client.close()


def project_here() -> str:
    """The project named in `podium.toml` in this folder, or nothing."""
    path = Path(PROJECT_FILE)
    if not path.is_file():
        return ""
    return project_file.parse(path.read_text(), str(path)).project


def _open(config: Config, project: str) -> Client:
    if config.url:
        if not config.token:
            raise Invalid("There is an address but no token.", field="token", fix="Set PODIUM_TOKEN.")
        return connect(config.url, config.token, project)
    left = credentials.load(Path(config.home))
    if left is not None:
        client = connect(left.url, left.token, project, patience=0.3)
        try:
            client.health()
        except Unavailable:
            client.close()
        else:
            return client
    from podium.local import local

    return local(config.home, project)
