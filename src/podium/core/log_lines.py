"""Log records as lines of JSON: one object a line, for machines that collect them."""

import logging
import time
from typing import Any

import msgspec

FIELDS = "podium"
"""The key of `extra` under which a record carries fields of its own."""
_LONGEST = 4095
"""Bytes of a line without its end: up to 4,096 reach a pipe whole, however many processes write to it."""
_GAP = " … "


def extra(**fields: Any) -> dict[str, dict[str, Any]]:
    """For `extra=` of a logging call: fields of the line beside its message; those without a value are left out."""
    return {FIELDS: {name: value for name, value in fields.items() if value not in (None, "")}}


class JsonLines(logging.Formatter):
    """`time` (UTC, RFC 3339), `level`, `logger`, `message`, the record's own fields, and `error` with its traceback.

    Of a long text the middle is left out, so that a line has 4,096 bytes at most.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{whole}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, FIELDS, {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return _line(line).decode()


def _line(fields: dict[str, Any]) -> bytes:
    """Those fields, the long ones cut as far as they must be."""
    line, most = _encoded(fields), _LONGEST
    while len(line) > _LONGEST and most > 1:
        most = most * 3 // 4
        line = _encoded({name: _cut(value, most) for name, value in fields.items()})
    return line


def _cut(value: Any, most: int) -> Any:
    """The value; the beginning and the end of its text where it takes more bytes than that in the line."""
    whole = _encoded(value)
    if len(whole) <= most:
        return value
    text = value if isinstance(value, str) else whole.decode()
    half = max(len(text) * most // len(whole) - len(_GAP), 0) // 2
    return text[:half] + _GAP + text[len(text) - half :]


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)


class Words(logging.Formatter):
    """For people: the same, the fields behind the message as name=value."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback of an error below it."""
        first, end, rest = super().format(record).partition("\n")
        fields = getattr(record, FIELDS, {})
        return " ".join([first, *(f"{name}={value}" for name, value in fields.items())]) + end + rest
