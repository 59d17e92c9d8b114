"""Recorded check results attached to a version, by digest; and the results of gates over them."""

from typing import Any

import msgspec


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One check result. `name` is the name under which gates see `content`: metrics, parity, latency, slices, …"""

    id: str
    project: str
    version: str
    """The version's bundle digest."""
    name: str
    content: dict[str, Any]
    digest: str
    """Of the canonical bytes of `content`."""
    created_us: int
    created_by: str


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """A gate's outcome. Only a literal true passes; `problem` says why it could not be evaluated, if so."""

    name: str
    expression: str
    passed: bool
    problem: str | None = None
