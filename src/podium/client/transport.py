"""HTTP to the control plane: the token, retries that never do a thing twice, and errors as Podium's own."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import httpx
import msgspec

from podium.core import errors

T = TypeVar("T")

_KINDS = {kind.kind: kind for kind in errors.ALL}
_BY_STATUS = {400: errors.Invalid, 401: errors.Refused, 403: errors.Refused, 404: errors.NotFound, 409: errors.Conflict}
_RETRIED = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError, httpx.ReadTimeout)
_CHUNK = 1024 * 1024
_FIRST_WAIT_S, _BUSY_S = 0.05, 5.0
"""For how long one that answers, but cannot do it now, is asked again."""


class _Problem(msgspec.Struct):
    type: str = ""
    title: str = ""
    detail: str = ""
    field: str | None = None
    fix: str | None = None


class Transport:
    """One connection to a control plane. `patience` is for how many seconds an unreachable one is tried again;
    `trace`: the headers of the trace (W3C) to which all that is asked belongs.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience: float = 5.0,
        on_close: Callable[[], None] | None = None,
        trace: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.on_wait: Callable[[], None] = lambda: None
        """Called when the control plane stops answering and is waited for."""
        self._patience = patience
        self._on_close = on_close
        self._http = httpx.Client(
            base_url=self.url,
            headers={**(trace or {}), "Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(120, connect=5),
        )

    def close(self) -> None:
        self._http.close()
        if self._on_close is not None:
            self._on_close()

    def get(self, path: str, kind: type[T], /, **query: Any) -> T:
        """Read one answer as a type. `kind` may be any type that msgspec knows."""
        return _decode(self.send("GET", path, query=query), kind)

    def post(self, path: str, kind: type[T], body: Any = None, /, *, key: str | None = None, **query: Any) -> T:
        """Do something once, however often the network makes us ask; the answer as a type."""
        content = b"" if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key or secrets.token_hex(16)}
        return _decode(self.send("POST", path, content=content, headers=headers, query=query), kind)

    def put(self, path: str, kind: type[T], body: Any) -> T:
        """Set something; the answer as a type."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(16)}
        return _decode(self.send("PUT", path, content=msgspec.json.encode(body), headers=headers), kind)

    def delete(self, path: str, **query: Any) -> None:
        self.send("DELETE", path, headers={"Idempotency-Key": secrets.token_hex(16)}, query=query)

    def upload(self, method: str, path: str, kind: type[T], content: bytes, media: str, **query: Any) -> T:
        """Send bytes; the answer as a type. The receiving routes are idempotent by content."""
        return _decode(self.send(method, path, content=content, headers={"Content-Type": media}, query=query), kind)

    def send(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
    ) -> httpx.Response:
        """Send a request, again while the control plane is away, until patience ends. Raises Podium's errors."""
        params = {key.rstrip("_"): value for key, value in (query or {}).items() if value is not None}
        begun = time.monotonic()
        deadline, busy_until = begun + self._patience, begun + min(self._patience, _BUSY_S)
        wait = _FIRST_WAIT_S
        while True:
            try:
                answer = self._http.request(method, path, content=content, headers=headers, params=params)
            except _RETRIED as problem:
                failure: Exception = problem
            else:
                if answer.status_code != 503 or time.monotonic() > busy_until:
                    return _checked(answer)
                failure = _error(answer)
            if time.monotonic() > deadline:
                raise errors.Unavailable(
                    f"The control plane at {self.url} does not answer.", fix="Start it: podium up."
                ) from failure
            if wait == _FIRST_WAIT_S:
                self.on_wait()
            time.sleep(wait)
            wait = min(1.0, wait * 2)

    def stream(self, path: str, **query: Any) -> Iterator[bytes]:
        """Read an answer in pieces."""
        params = {key.rstrip("_"): value for key, value in query.items() if value is not None}
        with self._http.stream("GET", path, params=params) as answer:
            if answer.is_error:
                answer.read()
            _checked(answer)
            yield from answer.iter_bytes(_CHUNK)


def _decode(answer: httpx.Response, kind: type[T]) -> T:
    if kind is type(None):
        return None
    return msgspec.json.decode(answer.content, type=kind)


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise _error(answer)
    return answer


def _error(answer: httpx.Response) -> errors.PodiumError:
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except (msgspec.DecodeError, msgspec.ValidationError):
        problem = _Problem(detail=f"The server answered {answer.status_code}.")
    kind = _KINDS.get(problem.type.rpartition(":")[2]) or _BY_STATUS.get(answer.status_code, errors.Unavailable)
    return kind(problem.detail or problem.title, field=problem.field, fix=problem.fix)
