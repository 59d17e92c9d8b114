"""Log records as lines of JSON: one object a line, for machines that collect them."""

import logging
import time
from typing import Any

import msgspec

FIELDS = "podium"
"""The key of `extra` under which a record carries fields of its own."""


def extra(**fields: Any) -> dict[str, dict[str, Any]]:
    """For `extra=` of a logging call: fields of the line beside its message; those without a value are left out."""
    return {FIELDS: {name: value for name, value in fields.items() if value not in (None, "")}}


class JsonLines(logging.Formatter):
    """`time` (UTC, RFC 3339), `level`, `logger`, `message`, the record's own fields, and `error` with its traceback."""

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
        return msgspec.json.encode(line, enc_hook=str).decode()


class Words(logging.Formatter):
    """For people: the same, the fields behind the message as name=value."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback of an error below it."""
        first, end, rest = super().format(record).partition("\n")
        fields = getattr(record, FIELDS, {})
        return " ".join([first, *(f"{name}={value}" for name, value in fields.items())]) + end + rest
