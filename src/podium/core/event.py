"""One fact about one action. Audit trail, lineage, triggers and activity feed are four readings of it."""

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from podium.core import digest

GENESIS = "0" * 64


class Subject(msgspec.Struct, frozen=True):
    """What an event is about, or came from: a kind of noun and its id or digest."""

    noun: str
    id: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded action. `kind` is `noun.verb-in-past`, for example `version.approved`."""

    id: str
    at: datetime
    actor: str
    role: str
    project: str
    kind: str
    subject: Subject
    parents: tuple[Subject, ...] = ()
    detail: dict[str, Any] = {}


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it stands in the chain: its number, its exact bytes, and the two hashes."""

    number: int
    body: bytes
    previous: str
    hash: str

    def event(self) -> Event:
        return msgspec.json.decode(self.body, type=Event)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An event and its place in the chain."""

    number: int
    event: Event
    previous: str
    hash: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found: how many events hold, and the first that does not."""

    events: int
    head: str
    broken_at: int | None = None
    problem: str | None = None


def encode(event: Event) -> bytes:
    """The bytes that are stored and hashed."""
    return digest.canonical(event)


def chain(previous: str, body: bytes) -> str:
    """The hash of an event: SHA-256 over the previous hash (32 bytes) and the exact stored bytes."""
    return hashlib.sha256(bytes.fromhex(previous) + body).hexdigest()
