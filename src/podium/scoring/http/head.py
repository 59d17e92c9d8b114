"""A request's head: bytes up to the empty line become one frozen value, or a refusal (RFC 9110, RFC 9112).

It is stricter than the standard must be, wherever two readers of the same bytes could disagree (request smuggling):
lines end in CRLF only; a folded line, a control character in a value, white space before a colon, a second or a listed
Content-Length, Content-Length beside Transfer-Encoding, and Transfer-Encoding in HTTP/1.0 are refused.
"""

import re
from typing import Any

from podium.scoring.call import Answer
from podium.scoring.http.refusals import Refusal

CHUNKED = -1
_FIRST, _LAST, _CR = 0x21, 0x7E, 0x0D
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_LINE = re.compile(rf"({_NAME}++) ([\x21-\x7e]++) HTTP/([0-9])\.([0-9])\r\n")
_FIELDS = re.compile(rf"(?:{_NAME}++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+\r\n")
_FIELD = re.compile(r"([^:]++):[ \t]*+([^\r]*+)\r\n")
_LENGTH = re.compile(r"[0-9]{1,18}")
_AUTHORITY = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class Head:
    """A parsed head. Equal bytes give equal heads, so one may be kept and shared by many requests."""

    __slots__ = ("close", "coding", "expects", "fields", "headers", "length", "method", "path", "target", "work")

    def __init__(self, method: str, target: str, fields: tuple[tuple[str, str], ...]) -> None:
        self.method = method
        self.target = target
        self.path = _path(target)
        self.fields = fields
        """Names in lower case, in the order in which they were sent."""
        self.headers = _joined(fields)
        """By name; several of one name are joined with a comma."""
        self.length = 0
        """Of the body in bytes; `CHUNKED` when it comes in chunks."""
        self.close = False
        """The connection ends after the answer."""
        self.expects = False
        """The client waits for `100 Continue`."""
        self.coding = ""
        """`gzip`, `deflate`, or nothing."""
        self.work: Any = None
        """What the service found that this head asks for; for its own use."""


def parse(block: bytes, most_fields: int) -> Head:
    """The head in those bytes, which end with the first empty line; raises `Refusal`."""
    text = block.decode("latin-1")
    line = _LINE.match(text)
    if line is None:
        raise _wrong(block, 400, "The request line is not one of HTTP/1.1.")
    method, target, major, minor = line.groups()
    if major != "1" or minor not in "01":
        raise _wrong(block, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    if _FIELDS.fullmatch(text, line.end()) is None:
        raise _wrong(block, 400, "A header line is not as HTTP/1.1 wants it.")
    raw = _FIELD.findall(text, line.end())
    if len(raw) > most_fields:
        raise Refusal.of(431, f"There are more than {most_fields} header lines.")
    head = Head(method, target, tuple([(name.lower(), value.rstrip(" \t")) for name, value in raw]))
    _frame(head, old=minor == "0")
    return head


def _wrong(block: bytes, status: int, detail: str) -> Refusal:
    """The refusal; the same one that part of the bytes would have met, if they show it."""
    check_beginning(block, 0, len(block))
    return Refusal.of(status, detail)


def check_beginning(data: bytes | bytearray, start: int, end: int) -> None:
    """Refuse bytes that can never become a head: no need to wait for more. `start`: what was looked at before."""
    if data and not _FIRST <= data[0] <= _LAST:
        raise Refusal.of(400, "The request line is not one of HTTP/1.1.")
    check_lines(data, start, end)


def check_lines(data: bytes | bytearray, start: int, end: int) -> None:
    """Refuse a line feed without its carriage return."""
    at = data.find(b"\n", start, end)
    while at >= 0:
        if at == 0 or data[at - 1] != _CR:
            raise Refusal.of(400, "A line does not end with CR and LF.")
        at = data.find(b"\n", at + 1, end)


def _frame(head: Head, *, old: bool) -> None:
    headers = head.headers
    if len(headers) < len(head.fields):
        _check_repeated([name for name, _ in head.fields])
    if "host" not in headers and not old:
        raise Refusal.of(400, "There is not exactly one Host header.", "Host")
    _measure(head, headers, old=old)
    head.close = old or "close" in _wishes(headers)
    if "expect" in headers and not old:
        if headers["expect"].lower() != "100-continue":
            raise Refusal.of(417, "The only expectation met here is 100-continue.", "Expect")
        head.expects = True
    if "content-encoding" in headers:
        head.coding = headers["content-encoding"].strip().lower()


def _measure(head: Head, headers: dict[str, str], *, old: bool) -> None:
    """How long the body is: stated in one way."""
    if "transfer-encoding" in headers:
        if "content-length" in headers or old:
            raise Refusal.of(400, "The length of the body is stated in two ways.", "Content-Length")
        if headers["transfer-encoding"].lower() != "chunked":
            raise Refusal.of(501, "The only transfer coding spoken here is chunked.", "Transfer-Encoding")
        head.length = CHUNKED
    elif "content-length" in headers:
        stated = headers["content-length"]
        if _LENGTH.fullmatch(stated) is None:
            raise Refusal.of(400, "The Content-Length is not one number.", "Content-Length")
        head.length = int(stated)


def _wishes(headers: dict[str, str]) -> set[str]:
    """What the client says of the connection."""
    return {wish.strip().lower() for wish in headers["connection"].split(",")} if "connection" in headers else set()


def _check_repeated(names: list[str]) -> None:
    """Refuse a repeated header that says where a request ends, or whom it is for."""
    if names.count("host") > 1:
        raise Refusal.of(400, "There is not exactly one Host header.", "Host")
    if names.count("content-length") > 1:
        raise Refusal.of(400, "The Content-Length is not one number.", "Content-Length")
    if names.count("transfer-encoding") > 1:
        raise Refusal.of(501, "The only transfer coding spoken here is chunked.", "Transfer-Encoding")


def _path(target: str) -> str:
    """The path of an origin-form or absolute-form target, without its query."""
    bare = target if target.startswith("/") else _AUTHORITY.sub("", target, count=1)
    return bare.partition("?")[0].partition("#")[0]


def _joined(fields: tuple[tuple[str, str], ...]) -> dict[str, str]:
    joined = dict(fields)
    if len(joined) == len(fields):
        return joined
    joined = {}
    for name, value in fields:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def unsupported(head: Head) -> Answer | None:
    """Why the body's content coding cannot be undone here, if it cannot."""
    if head.coding in ("", "identity", "gzip", "deflate"):
        return None
    return Refusal.of(415, "The content codings taken here are gzip and deflate.", "Content-Encoding").answer
