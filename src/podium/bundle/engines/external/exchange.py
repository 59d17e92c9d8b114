"""One question to an external service over HTTP/1.1: within a deadline, without redirects, with a bounded answer."""

import http.client
import ssl
import threading

from podium.bundle.engines import caller
from podium.bundle.engines.external import hosts
from podium.bundle.engines.external.line import Connection, Declined, Later, left
from podium.core.errors import Refused, Unavailable

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_DECLINED = frozenset({400, 413, 422})
_CHUNK = 1 << 16
_LARGEST_HEAD = 64 << 10
_IDLE = 4


class Exchange:
    """Keeps a few connections to one service."""

    def __init__(self, to: hosts.Target) -> None:
        self._to = to
        self._context = ssl.create_default_context() if to.tls else None
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def post(self, body: bytes, deadline: float, largest: int) -> bytes:
        """The answer's bytes; `Later` when there is none now, `Unavailable` when it refuses or says too much."""
        connection, fresh = self._take(deadline)
        try:
            status, data = self._talk(connection, body, deadline, largest)
        except (OSError, ValueError, http.client.HTTPException):
            connection.close()
            if fresh:
                raise Later from None
            return self.post(body, deadline, largest)  # a kept connection that the service had closed
        except BaseException:
            connection.close()
            raise
        self._give(connection)
        if status in _AGAIN:
            raise Later
        if status != 200:
            raise (Declined if status in _DECLINED else Unavailable)(
                f"The external model answers with status {status}.", field="engine.url"
            )
        return data

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self, deadline: float) -> tuple[Connection, bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        plain = hosts.dial(self._to, left(deadline))
        try:
            plain.settimeout(left(deadline))
            wrapped = self._context.wrap_socket(plain, server_hostname=self._to.host) if self._context else plain
        except ssl.SSLCertVerificationError:
            plain.close()
            raise Refused("The external model's certificate does not hold.", field="engine.url") from None
        except (OSError, Later):
            plain.close()
            raise Later from None
        return Connection(self._to.host, self._to.port, wrapped), True

    def _give(self, connection: Connection) -> None:
        with self._lock:
            if connection.sock is not None and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _talk(self, connection: Connection, body: bytes, deadline: float, largest: int) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._to.token:
            headers["Authorization"] = f"Bearer {self._to.token}"
        headers |= caller.TRACE.get()
        connection.line.allow(deadline, _LARGEST_HEAD)
        connection.request("POST", self._to.path, body, headers)
        with connection.getresponse() as answer:
            connection.line.allow(deadline, largest)
            parts = []
            while part := answer.read(_CHUNK):
                parts.append(part)
            return answer.status, b"".join(parts)
