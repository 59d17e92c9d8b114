"""W3C Trace Context: which trace a request belongs to, and what is handed on to those that are asked in turn.

https://www.w3.org/TR/trace-context/
"""

import enum
import re
from collections.abc import Mapping
from typing import NamedTuple, Protocol

RANDOM_BYTES = 24
"""What `begin` needs: 16 for a trace, 8 for a span."""
TRACEPARENT, TRACESTATE, TRACERESPONSE = "traceparent", "tracestate", "traceresponse"
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED, _SAMPLED_AND_RANDOM = 0x01, 0x03
_MOST_MEMBERS = 32
_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_MEMBER = re.compile(rf"({_KEY})=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e])", re.ASCII)


class Kind(enum.IntEnum):
    """What a span is of, by OpenTelemetry's numbers."""

    SERVER = 2
    """A request that was answered."""
    CONSUMER = 5
    """Work that was asked for earlier."""


class Trace(NamedTuple):
    """A request's place in a trace. `span_id` is our own part; `parent_id` the caller's, empty where it named none."""

    trace_id: str
    span_id: str
    parent_id: str
    flags: int
    state: str

    @property
    def traceparent(self) -> str:
        """What says that our part was the caller."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    @property
    def sampled(self) -> bool:
        """Whether who began the trace wants its spans to be kept."""
        return bool(self.flags & _SAMPLED)

    def outgoing(self) -> dict[str, str]:
        """The headers of a request that is made for this one."""
        return self._headers(self.span_id)

    def passed_on(self) -> dict[str, str]:
        """The same where nobody keeps our part: the caller stays the caller. Nothing where it named no trace."""
        return self._headers(self.parent_id) if self.parent_id else {}

    def _headers(self, span_id: str) -> dict[str, str]:
        headers = {TRACEPARENT: f"00-{self.trace_id}-{span_id}-{self.flags:02x}"}
        return headers | {TRACESTATE: self.state} if self.state else headers


class Export(Protocol):
    """Where the spans of sampled traces go."""

    def tell(
        self,
        found: Trace,
        name: str,
        seconds: float,
        attributes: Mapping[str, str | int],
        *,
        failed: bool,
        kind: Kind = Kind.SERVER,
    ) -> None:
        """It ended just now, after so many seconds."""

    def close(self) -> None:
        """No span comes any more."""


class Part(NamedTuple):
    """Our part in a trace: what is handed on to those asked in turn, and the span where somebody keeps it."""

    onward: dict[str, str]
    span: Trace | None


def take_part(headers: Mapping[str, str], random: bytes, export: Export | None) -> Part:
    """Our part in a caller's trace; none where it named none. `headers` and `random`: as of `begin`."""
    if TRACEPARENT not in headers:
        return Part({}, None)
    found = begin(headers, random)
    if export is None or not found.sampled:
        return Part(found.passed_on(), None)
    return Part(found.outgoing(), found)


def begin(headers: Mapping[str, str], random: bytes) -> Trace:
    """The caller's trace with a new span of ours; a new trace where the caller named none, or wrongly.

    `headers`: names in lower case; several of one name joined with commas. `random`: `RANDOM_BYTES` of them.
    """
    span_id = _nonzero(random[16:24]).hex()
    found = parse(headers.get(TRACEPARENT, ""))
    if found is None:
        return Trace(_nonzero(random[:16]).hex(), span_id, "", 0, "")
    trace_id, parent_id, flags = found
    return Trace(trace_id, span_id, parent_id, flags & _SAMPLED_AND_RANDOM, state(headers.get(TRACESTATE, "")))


def parse(traceparent: str) -> tuple[str, str, int] | None:
    """Trace, parent and flags of a `traceparent`; None where it is not one. Later versions may say more at the end.

    >>> parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    ('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331', 1)
    """
    match = _PARENT.fullmatch(traceparent.strip(" \t"))
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    wrong = version == "ff" or (version == "00" and more is not None)
    if wrong or not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    return trace_id, parent_id, int(flags, 16)


def state(tracestate: str) -> str:
    """A `tracestate` as it is handed on: whole, without empty members; nothing of one that is not well formed."""
    members = [member.strip(" \t") for member in tracestate.split(",")]
    members = [member for member in members if member]
    keys = [found[1] for member in members if (found := _MEMBER.fullmatch(member))]
    if len(keys) != len(members) or len(set(keys)) != len(keys) or len(keys) > _MOST_MEMBERS:
        return ""
    return ",".join(members)


def _nonzero(random: bytes) -> bytes:
    return random if any(random) else b"\x01" * len(random)
