"""Answers as bytes."""

from email.utils import formatdate
from http import HTTPStatus

from podium.core import time as instants
from podium.core.time import Clock
from podium.scoring.call import Answer

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_MOST = 256


def closing(answer: bytes) -> bytes:
    """The bytes of an answer, which now say that it is the last."""
    return answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)


class Heads:
    """The heads of answers, made once a second for each status and media type, as they carry the date."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[tuple[int, str], str] = {}

    def renew(self) -> None:
        """A second has gone by."""
        self._made.clear()

    def start(self, status: int, media: str) -> str:
        """Everything up to the value of Content-Length."""
        start = self._made.get((status, media))
        if start is None:
            date = formatdate(instants.to_us(self._clock()) // 1_000_000, usegmt=True)
            start = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
                f"date: {date}\r\ncontent-type: {media}\r\ncontent-length: "
            )
            if len(self._made) < _MOST:
                self._made[status, media] = start
        return start

    def whole(self, answer: Answer, *, close: bool, bare: bool) -> bytes:
        """The answer; `bare` without its body, as HEAD wants it."""
        lines = [f"{self.start(answer.status, answer.media)}{len(answer.body)}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in answer.headers if name.lower() != "connection"]
        if close:
            lines.append("connection: close\r\n")
        lines.append("\r\n")
        head = "".join(lines).encode("latin-1")
        return head if bare else head + answer.body
