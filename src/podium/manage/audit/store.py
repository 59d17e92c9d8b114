"""Reads the chain of events for people: narrowed, in pages, newest or oldest first."""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select

from podium.core import event
from podium.store import events

_PAGE = 1000


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: all of those given must fit. `kind` ending in a dot stands for all that begin with it."""

    project: str | None = None
    kind: str | None = None
    actor: str | None = None
    noun: str | None = None
    subject: str | None = None
    since_us: int | None = None
    until_us: int | None = None


def list_entries(
    connection: Connection,
    wanted: Filter,
    *,
    after: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[event.Entry]:
    """Events after a number, oldest first; without `after` the newest first, those before a number."""
    table = events.events.c
    query = _narrowed(wanted).limit(limit)
    if before is not None:
        query = query.where(table.number < before)
    if after is None:
        query = query.order_by(table.number.desc())
    else:
        query = query.where(table.number > after).order_by(table.number)
    return [
        event.Entry(
            number=row.number,
            event=msgspec.json.decode(bytes(row.body), type=event.Event),
            previous=row.previous,
            hash=row.hash,
        )
        for row in connection.execute(query)
    ]


def _narrowed(wanted: Filter) -> Select[Any]:
    table = events.events.c
    query = select(table.number, table.body, table.previous, table.hash)
    equal = {
        table.project: wanted.project,
        table.actor: wanted.actor,
        table.noun: wanted.noun,
        table.subject: wanted.subject,
    }
    for column, value in equal.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.kind is not None:
        prefix = wanted.kind.endswith(".")
        query = query.where(
            table.kind.startswith(wanted.kind, autoescape=True) if prefix else table.kind == wanted.kind
        )
    if wanted.since_us is not None:
        query = query.where(table.at_us >= wanted.since_us)
    if wanted.until_us is not None:
        query = query.where(table.at_us < wanted.until_us)
    return query


def export_lines(connection: Connection, wanted: Filter) -> Iterator[bytes]:
    """Events as JSON lines, oldest first: number, the exact bytes of the body as text, previous and hash.

    Whoever has all of them can recompute the chain: hash = SHA-256(previous as 32 bytes, then the body).
    """
    number = 0
    while entries := connection.execute(
        _narrowed(wanted).where(events.events.c.number > number).order_by(events.events.c.number).limit(_PAGE)
    ).all():
        for row in entries:
            number = row.number
            line = {
                "number": row.number,
                "previous": row.previous,
                "hash": row.hash,
                "body": bytes(row.body).decode(),
            }
            yield msgspec.json.encode(line) + b"\n"
