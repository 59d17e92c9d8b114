"""Somebody else's model server on a real socket: OIP v2 and MLflow's protocol, and every way of failing."""

import http.server
import json
import math
import threading
import time
from typing import Any

from tests import engine_kit


class Vendor:
    """Answers with the model of `engine_kit`. `mood` says how: well, busy, slow, junk, short, huge, gone, moved."""

    def __init__(self) -> None:
        self.mood = "well"
        self.calls: list[dict[str, str]] = []
        vendor = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                vendor.calls.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
                vendor.answer(self, json.loads(body))

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

    def answer(self, to: http.server.BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        mood, status, headers = self.mood, 200, {}
        if mood == "busy once":
            self.mood, status = "well", 503
        if mood == "busy":
            status = 503
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
