"""Spans as OpenTelemetry's protocol has them: `ExportTraceServiceRequest` in Protocol Buffers, written by hand.

https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto

A handful of fields needs no package; the tests read it with the official one.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from podium.core.trace import Kind, Trace

Values = Mapping[str, str | int]
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ERROR = 2
_HAS_REMOTE, _IS_REMOTE = 0x100, 0x200
"""Bits of `flags`: that the parent is in another process is known, and so."""


class Span(NamedTuple):
    """One part of a trace, as it ended."""

    trace: Trace
    name: str
    start_ns: int
    end_ns: int
    attributes: Values
    failed: bool
    kind: Kind


def request(resource: Values, scope: tuple[str, str], spans: Iterable[Span]) -> bytes:
    """The body of an export. `resource`: who made the spans; `scope`: the name and version of what made them."""
    named = _text(1, scope[0]) + _text(2, scope[1])
    scoped = _field(1, named) + b"".join(_field(2, _span(each)) for each in spans)
    return _field(1, _field(1, _attributes(1, resource)) + _field(2, scoped))


def _span(item: Span) -> bytes:
    found = item.trace
    parts = [
        _field(1, bytes.fromhex(found.trace_id)),
        _field(2, bytes.fromhex(found.span_id)),
        _text(3, found.state),
        _field(4, bytes.fromhex(found.parent_id)) if found.parent_id else b"",
        _text(5, item.name),
        _number(6, item.kind),
        _key(7, _FIXED64) + struct.pack("<Q", item.start_ns),
        _key(8, _FIXED64) + struct.pack("<Q", item.end_ns),
        _attributes(9, item.attributes),
        _field(15, _number(3, _ERROR)) if item.failed else b"",
        _key(16, _FIXED32) + struct.pack("<I", found.flags | _HAS_REMOTE | _IS_REMOTE),
    ]
    return b"".join(parts)


def _attributes(number: int, values: Values) -> bytes:
    return b"".join(_field(number, _text(1, name) + _field(2, _value(value))) for name, value in values.items())


def _value(value: str | int) -> bytes:
    return _field(1, value.encode()) if isinstance(value, str) else _number(3, value)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode()) if text else b""


def _field(number: int, content: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value)


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
