"""Somebody else's model server on a real socket: OIP v2 and MLflow's protocol, and every way of failing."""

import contextlib
import http.server
import json
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from podium.bundle import columns
from podium.bundle.engines.external import hosts, model
from podium.core import engine
from tests import engine_kit

ROWS = columns.from_rows(engine_kit.SIGNATURE, engine_kit.rows(2))
"""What a vendor may be asked."""


def asking(url: str, attempts: int = 3) -> model.Model:
    """A model that asks a vendor there."""
    known = {"127.0.0.1": hosts.Known(http=True), "vendor.invalid": hosts.Known(http=True)}
    spec = engine.External(url=url, attempts=attempts, seconds=10.0)
    return model.Model(engine_kit.SIGNATURE, spec, hosts.target(url, {} if url.startswith("https") else known))


class Vendor:
    """Answers with the model of `engine_kit`. `mood` says how: well, busy, slow, junk, short, huge, gone, moved."""

    def __init__(self) -> None:
        self.mood = "well"
        self.takes = 0.0
        """Seconds that each answer takes."""
        self.calls: list[dict[str, str]] = []
        self.most = 0
        """Calls that it had at once."""
        under_way: set[object] = set()
        vendor = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                vendor.calls.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
                under_way.add(self)
                vendor.most = max(vendor.most, len(under_way))
                try:
                    vendor.answer(self, json.loads(body))
                finally:
                    under_way.discard(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A caller who hung up is what some moods are for."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"

    def list_in(self, home: Path, token: str = "") -> None:
        """Have that home's owner allow this host, and give the token that it asks for."""
        listed = home / ".config" / "podium" / "external.toml"
        listed.parent.mkdir(parents=True)
        listed.write_text(f'["{self.host}"]\nhttp = true\n' + (f'token = "{token}"\n' if token else ""))
        listed.chmod(0o600)

    def answer(self, to: http.server.BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        mood, status, headers = self.mood, 200, {}
        time.sleep(self.takes)
        if mood == "busy once":
            self.mood, status = "well", 503
        if mood == "busy":
            status = 503
        if mood == "declines":
            status = 422
        if mood == "forbidden":
            status = 403
        if mood == "moved":
            status, headers = 302, {"location": "http://127.0.0.1:9/"}
        if mood == "slow":
            time.sleep(5)
        if mood == "gone":
            to.close_connection = True
            to.connection.close()
            return
        data = b"{}" if mood == "junk" else self.scores(asked, to.path, short=mood == "short")
        to.send_response(status)
        for name, value in {"content-length": str(len(data)), **headers}.items():
            to.send_header(name, value)
        to.end_headers()
        if mood == "drip":
            for place in range(len(data)):
                to.wfile.write(data[place : place + 1])
                to.wfile.flush()
                time.sleep(0.5)
        to.wfile.write(data)

    def scores(self, asked: dict[str, Any], path: str, *, short: bool) -> bytes:
        if path == "/invocations":
            split = asked["dataframe_split"]
            given = [dict(zip(split["columns"], row, strict=True)) for row in split["data"]]
        else:
            lists = {each["name"]: each["data"] for each in asked["inputs"]}
            given = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        found = [None if math.isnan(value) else value for value in map(engine_kit.score, given)]
        found = found[:-1] if short else found
        if path == "/invocations":
            return json.dumps({"predictions": found}).encode()
        output = {"name": "late", "datatype": "FP64", "shape": [len(found)], "data": found}
        return json.dumps({"model_name": "late", "outputs": [output]}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Rude:
    """A server that reads whole questions and answers each with what `speak` writes to the socket."""

    def __init__(
        self, speak: Callable[[socket.socket], None], context: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self._speak = speak
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", port))
        self.asked = 0
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with plain, contextlib.suppress(OSError):
            connection = self._context.wrap_socket(plain, server_side=True) if self._context else plain
            with connection, connection.makefile("rb") as said:
                size = 0
                while line := said.readline():
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        size = int(value)
                    if line == b"\r\n":
                        said.read(size)
                        self.asked += 1
                        self._speak(connection)


def drip(text: bytes, head: bytes = b"") -> Callable[[socket.socket], None]:
    """What writes a text byte by byte, each long before a single read would be late."""

    def speak(to: socket.socket) -> None:
        to.sendall(head)
        for place in range(len(text)):
            to.sendall(text[place : place + 1])
            time.sleep(0.1)
        to.close()

    return speak


def flood(text: bytes, head: bytes = b"") -> Callable[[socket.socket], None]:
    """What writes a text again and again until the caller hangs up."""

    def speak(to: socket.socket) -> None:
        to.sendall(head)
        while True:
            to.sendall(text * 1000)

    return speak


def say(body: bytes, head: bytes = b"") -> Callable[[socket.socket], None]:
    """What writes a whole answer."""
    whole = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)
    return lambda to: to.sendall(whole)
