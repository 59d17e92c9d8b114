"""One question to an external service over HTTP/1.1: within a deadline, without redirects, with a bounded answer."""

import http.client
import ssl
import threading
import time

from podium.bundle.engines import caller
from podium.bundle.engines.external import hosts
from podium.core.errors import Refused, Unavailable

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHUNK = 1 << 16
_LARGEST = 64 << 20
_IDLE = 4


class Later(Exception):
    """No answer this time; asking again may help."""


class Exchange:
    """Keeps a few connections to one service."""

    def __init__(self, to: hosts.Target) -> None:
        self._to = to
        self._context = ssl.create_default_context() if to.tls else None
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def post(self, body: bytes, deadline: float) -> bytes:
        """The answer's bytes. `Later` when there is none now, `Unavailable` when the service refuses."""
        connection, fresh = self._take(deadline)
        try:
            status, data = self._talk(connection, body, deadline)
        except (OSError, http.client.HTTPException):
            connection.close()
            if fresh:
                raise Later from None
            return self.post(body, deadline)  # a kept connection that the service had closed
        except BaseException:
            connection.close()
            raise
        self._give(connection)
        if status in _AGAIN:
            raise Later
        if status != 200:
            raise Unavailable(f"The external model answers with status {status}.", field="engine.url")
        return data

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self, deadline: float) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        left = _left(deadline)
        made = http.client.HTTPConnection(self._to.host, self._to.port, timeout=left)
        plain = hosts.dial(self._to, left)
        try:
            wrapped = self._context.wrap_socket(plain, server_hostname=self._to.host) if self._context else plain
        except ssl.SSLCertVerificationError:
            plain.close()
            raise Refused("The external model's certificate does not hold.", field="engine.url") from None
        except OSError:
            plain.close()
            raise Later from None
        made.sock = wrapped
        return made, True

    def _give(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if connection.sock is not None and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _talk(self, connection: http.client.HTTPConnection, body: bytes, deadline: float) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._to.token:
            headers["Authorization"] = f"Bearer {self._to.token}"
        headers |= caller.TRACE.get()
        connection.sock.settimeout(_left(deadline))
        connection.request("POST", self._to.path, body, headers)
        answer = connection.getresponse()
        parts: list[bytes] = []
        size = 0
        while True:
            if connection.sock is not None:
                connection.sock.settimeout(_left(deadline))
            part = answer.read1(_CHUNK)
            if not part:
                return answer.status, b"".join(parts)
            size += len(part)
            if size > _LARGEST:
                raise Unavailable("The external model's answer is too large.", field="engine.url")
            parts.append(part)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Later
    return left
