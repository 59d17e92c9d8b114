"""Receivers at the other end of a channel: an HTTP server that keeps what it gets, and a mail server likewise."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Hook:
    """`statuses`: what to answer to each request in turn; then 204."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.requests: list[Request] = []
        self.url = ""


@contextmanager
def hook() -> Iterator[Hook]:
    """A hook's receiver on this machine."""
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(made.statuses.pop(0) if made.statuses else 204)
            self.send_header("Content-Length", "0")
            self.send_header("Location", made.url + "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/podium?of=desk"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Mailbox:
    def __init__(self) -> None:
        self.refuse = 0
        """Answer this to a recipient; 0: take it."""
        self.mails: list[EmailMessage] = []
        self.url = ""


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server on this machine that speaks as much SMTP (RFC 5321) as a sender needs."""
    made = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 mailbox")
            while line := self.rfile.readline().decode("ascii").strip():
                verb = line.split(" ")[0].split(":")[0].upper()
                if verb == "QUIT":
                    self._say("221 bye")
                    return
                if verb == "RCPT" and made.refuse:
                    self._say(f"{made.refuse} no")
                elif verb == "DATA":
                    self._data()
                else:
                    self._say("250 fine")

        def _data(self) -> None:
            self._say("354 go on")
            lines: list[bytes] = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line[1:] if line.startswith(b"..") else line)
            made.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
            self._say("250 kept")

        def _say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    made.url = f"smtp://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
