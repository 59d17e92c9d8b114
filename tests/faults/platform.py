"""A real control plane in a process of its own, a model in production, and a proxy that tampers with its answers."""

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from podium.core import access, endpoint, release, version
from podium.core.config import Config
from podium.deploy.releases import store as releases
from podium.jobs.worker import Worker
from podium.manage.access import actions as people
from podium.server import handlers, wiring
from tests import production

ROOT = Path(__file__).parents[2]


class Platform:
    """The server process; registering versions and running jobs happens here, on the same database."""

    def __init__(self, home: Path) -> None:
        config = Config(home=str(home))
        self.store = wiring.open_store(config)
        self.token = people.personal_token(self.store, "scorer", (access.Role.SCORER,))
        production.register_model(self.store, production.spec())
        self._worker = Worker(store=self.store, handlers=handlers.of(config), name="here", poll_seconds=0.01)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "podium.cli.main", "server", "--port", "0"],
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PODIUM_HOME": str(home)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        told = ""
        while "http://" not in told:
            told = self._process.stderr.readline()
            assert told, "the server did not start"
        self.url = told.split()[-1]
        self._reader = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._reader.join(5)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self.store.database.close()

    def register(self, files: Mapping[str, bytes], **changes: Any) -> version.Version:
        """A version with these files, whatever they are; its gates pass, and its release begins."""
        plain = production.described(created_us=time.time_ns() // 1000)
        made = production.register(self.store, msgspec.structs.replace(plain, **changes), files)
        self.work()
        return made

    def work(self) -> None:
        """Do all jobs that are due."""
        self._worker.run_until_idle()

    def place(self) -> endpoint.Endpoint:
        """The endpoint, with the number of its rollout in force."""
        return production.place_of(self.store)

    def newest(self) -> release.Release:
        with self.store.read() as connection:
            return releases.list_all(connection, "flights", limit=1)[0]


Tamper = Callable[[str, bytes], bytes | None]
"""Given the path and the answer's body, what the scorer gets instead; None for 404."""


class Proxy:
    """Between a scorer and its control plane."""

    def __init__(self, url: str) -> None:
        self.tamper: Tamper | None = None
        proxy = self
        forward = httpx.Client(base_url=url, timeout=30)
        self._forward = forward

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                data = self.rfile.read(int(self.headers.get("content-length", 0)))
                kept = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() in ("authorization", "content-type", "podium-digest", "if-none-match")
                }
                answer = forward.request(self.command, self.path, content=data, headers=kept)
                status, body = answer.status_code, answer.content
                if proxy.tamper is not None and self.command == "GET" and status == 200:
                    changed = proxy.tamper(self.path, body)
                    status, body = (404, b"") if changed is None else (status, changed)
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self._pass()

            def do_PUT(self) -> None:
                self._pass()

            def do_POST(self) -> None:
                self._pass()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._forward.close()
