"""The demo's platform: a server, a worker and a scorer as separate processes, under a clock that the demo sets."""

import contextlib
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx

from podium.cli import processes, supervise
from podium.cli.demo import cast
from podium.client import credentials
from podium.client.client import Client
from podium.client.connect import connect
from podium.core import access
from podium.core.config import Config
from podium.core.errors import Conflict, Unavailable
from podium.manage.access import actions as people
from podium.manage.access import store as users
from podium.server import wiring
from podium.store import clock as clocks

_MARK = "demo.mark"
_PATIENCE_S = 120.0
_START_S = 60.0


class Platform:
    """Everything that runs, and a client for each person of the cast."""

    def __init__(
        self, folder: Path, project: str, *, database: str, blobs: str, say: Callable[[str], None] = lambda _text: None
    ) -> None:
        self.folder = folder.resolve()
        self.project = project
        self.clock_file = self.folder / "clock"
        port, scorer_port = _free_ports()
        self.config = Config(
            home=str(self.folder / "home"),
            database=database,
            blobs=blobs,
            port=port,
            scorer_port=scorer_port,
            clock=f"file:{self.clock_file}",
            lease_seconds=10.0,
            log_level="warning",
        )
        self.url = f"http://127.0.0.1:{port}"
        self.scorer_url = f"http://127.0.0.1:{scorer_port}"
        self.tokens: dict[str, str] = {}
        self.clients: dict[str, Client] = {}
        self.supervisor: supervise.Supervisor | None = None
        self.admin_token = secrets.token_urlsafe(24)
        self._say = say

    def start(self, now: datetime) -> None:
        """Make an empty platform and start it; ready to score and to be asked when this returns."""
        _clear(self.folder)
        self.set_clock(now)
        store = wiring.open_store(self.config)
        with store.read() as connection:
            if users.list_users(connection, limit=1):
                raise Conflict("The database is not empty.", field="database", fix="Give the demo an empty one.")
        for person in cast.ALL:
            self.tokens[person.name] = people.personal_token(store, person.name, person.roles, note="demo")
        scorer_token = people.personal_token(store, "scorer", (access.Role.SCORER,), note="demo")
        store.database.close()
        credentials.save(
            Path(self.config.home), credentials.Credentials(url=self.url, token=self.tokens[cast.ENGINEER.name])
        )
        parts = processes.parts(
            self.config, self.project, scorer_token, logs=self.folder / "logs", admin_token=self.admin_token
        )
        self.supervisor = supervise.Supervisor(parts, say=self._say)
        self.supervisor.start()
        self.clients = {
            name: connect(self.url, token, self.project, patience=_PATIENCE_S) for name, token in self.tokens.items()
        }
        self._wait_ready()

    def stop(self) -> None:
        """Stop every process."""
        for client in self.clients.values():
            client.close()
        if self.supervisor is not None:
            self.supervisor.stop()

    def set_clock(self, now: datetime) -> None:
        """Move the platform's business clock."""
        clocks.set_file(self.clock_file, now)

    def client(self, person: cast.Person) -> Client:
        return self.clients[person.name]

    def settle(self, endpoint: str) -> None:
        """Wait until the scorer serves the rollout in force."""
        engineer = self.client(cast.ENGINEER)
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            status = engineer.endpoints.status(endpoint)
            if status.rollout is None or (status.settled and status.scorers):
                return
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The scorer does not serve rollout {status.endpoint.rollout}.", fix=f"See {self.folder / 'logs'}."
                )
            time.sleep(0.03)

    def drain(self) -> None:
        """Wait until the scorer has scored its shadows, and sealed and shipped its log."""
        deadline = time.monotonic() + _PATIENCE_S
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = httpx.post(f"{self.scorer_url}/admin/drain", headers=headers, timeout=60)
                if answer.status_code in (200, 204):
                    return
            if time.monotonic() > deadline:
                raise Unavailable("The scorer does not drain.", fix=f"See {self.folder / 'logs' / 'scorer.log'}.")
            time.sleep(0.1)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _START_S
        self.client(cast.ENGINEER).health()
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.scorer_url}/v2/health/live", timeout=2).status_code == 200:
                    return
            if time.monotonic() > deadline:
                raise Unavailable("The scorer did not start.", fix=f"See {self.folder / 'logs' / 'scorer.log'}.")
            time.sleep(0.05)


def _clear(folder: Path) -> None:
    """Remove what an earlier demo left; anything else is refused."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise Conflict(f"{folder} holds something that is not a demo's.", field="folder", fix="Choose another folder.")
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / _MARK).write_text("Made by podium demo; removed by the next one.\n")
    except OSError as problem:
        raise Unavailable(
            f"The folder {folder} cannot be written ({problem.strerror}).", field="folder", fix="Choose another folder."
        ) from None


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]
