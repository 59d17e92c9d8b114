"""Which platform a command talks to: the one named by settings, the one running here, or one inside this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from podium.core.config import Config
from podium.core.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from podium.client.client import Client

PROJECT_FILE = "podium.toml"
LOCAL_USER = "local"
_PROBE_S, _PATIENCE_S = 0.3, 60.0
"""For how long the platform of this folder is looked for; once it has answered, it is waited for while it restarts."""


@contextmanager
def session(project: str = "") -> "Iterator[Client]":
    """A client for one command, in the project asked for or found; closed at the end."""
    from podium.server import settings

    config = settings.load()
    client = _open(config, chosen(project))
    try:
        yield client
    finally:
        client.close()


def chosen(project: str = "") -> str:
    """The project that a command works in: the one asked for, the one named here, or `default`."""
    return project or project_here() or "default"


def project_here() -> str:
    """The project named in `podium.toml` in this folder, or nothing."""
    from podium.core import project_file

    path = Path(PROJECT_FILE)
    if not path.is_file():
        return ""
    return project_file.parse(path.read_text(), str(path)).project


def running(config: Config, project: str) -> "Client | None":
    """A client of the platform that settings name, or that runs on this folder; None when none answers.

    A token in the settings speaks for its owner; without one, the token that `podium up` left speaks for this machine.
    """
    from podium.client import credentials
    from podium.client.connect import connect
    from podium.server import settings

    if config.url:
        if not config.token:
            raise Invalid("There is an address but no token.", field="token", fix="Set PODIUM_TOKEN.")
        return connect(config.url, config.token, project, trace=settings.trace())
    left = credentials.load(Path(config.home))
    if left is None:
        return None
    token = config.token or left.token
    try:
        with connect(left.url, token, project, patience=_PROBE_S) as probe:
            probe.health()
    except Unavailable:
        return None
    client = connect(left.url, token, project, patience=_PATIENCE_S, trace=settings.trace())
    client.transport.on_wait = _say_waiting
    return client


def _say_waiting() -> None:
    from podium.cli import console

    if not console.is_json():
        console.err.print("The control plane does not answer just now; waiting for it.")


def _open(config: Config, project: str) -> "Client":
    found = running(config, project)
    if found is not None:
        return found
    from podium.bundle import arrow_alone

    arrow_alone.without_pandas()
    from podium.client.client import Client
    from podium.client.transport import Transport
    from podium.server import inprocess, settings

    _say_if_new(config)
    started = inprocess.Running(config, LOCAL_USER)
    return Client(
        Transport(
            started.url,
            config.token or started.secret,
            patience=inprocess.STOP_S,
            on_close=started.close,
            trace=settings.trace(),
        ),
        project,
    )


def _say_if_new(config: Config) -> None:
    """A command in a wrong folder finds an empty platform: say where it is."""
    from podium.cli import console

    if not config.database and not console.is_json() and not (Path(config.home) / "podium.db").exists():
        where = Path(config.home).resolve()
        made = f"A new, empty platform is made in {where}; PODIUM_HOME names another."
        console.err.print(made, soft_wrap=True, markup=False)
