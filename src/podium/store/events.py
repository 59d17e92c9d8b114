"""The chain of events: appended under one locked head row, read in order, verified byte by byte."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    insert,
    select,
    update,
)

from podium.core import event, time
from podium.store import schema

events = Table(
    "events",
    schema.metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(64), nullable=False, unique=True),
    Column("project", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("noun", String(64), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("at_us", schema.Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("events_by_project", "project", "number"),
    Index("events_by_subject", "noun", "subject"),
)
edges = Table(
    "event_edges",
    schema.metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("project", String(64), nullable=False),
    Column("from_noun", String(64), nullable=False),
    Column("from_id", String(256), nullable=False),
    Column("to_noun", String(64), nullable=False),
    Column("to_id", String(256), nullable=False),
    Column("kind", String(64), nullable=False),
    Index("event_edges_up", "to_noun", "to_id"),
    Index("event_edges_down", "from_noun", "from_id"),
)
head = Table(
    "event_head",
    schema.metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
_PAGE = 2000


def append(connection: Connection, new: Sequence[event.Event]) -> None:
    """Add events to the chain; the head row stays locked until the transaction ends."""
    top = connection.execute(select(head.c.number, head.c.hash).where(head.c.id == 1).with_for_update()).one()
    number, previous = top.number, top.hash
    for item in new:
        number += 1
        body = event.encode(item)
        following = event.chain(previous, body)
        connection.execute(
            insert(events).values(
                number=number,
                id=item.id,
                project=item.project,
                kind=item.kind,
                noun=item.subject.noun,
                subject=item.subject.id,
                actor=item.actor,
                at_us=time.to_us(item.at),
                body=body,
                previous=previous,
                hash=following,
            )
        )
        _append_edges(connection, number, item)
        previous = following
    connection.execute(update(head).where(head.c.id == 1).values(number=number, hash=previous))


def _append_edges(connection: Connection, number: int, item: event.Event) -> None:
    if not item.parents:
        return
    connection.execute(
        insert(edges),
        [
            {
                "number": number,
                "position": position,
                "project": item.project,
                "from_noun": parent.noun,
                "from_id": parent.id,
                "to_noun": item.subject.noun,
                "to_id": item.subject.id,
                "kind": item.kind,
            }
            for position, parent in enumerate(item.parents)
        ],
    )


def read(
    connection: Connection,
    *,
    project: str | None = None,
    after: int = 0,
    limit: int = 100,
    kind: str | None = None,
    subject: event.Subject | None = None,
) -> list[event.Recorded]:
    """Events in order, those after a number, at most `limit`."""
    query = select(events).where(events.c.number > after).order_by(events.c.number).limit(limit)
    if project is not None:
        query = query.where(events.c.project == project)
    if kind is not None:
        query = query.where(events.c.kind == kind)
    if subject is not None:
        query = query.where(events.c.noun == subject.noun, events.c.subject == subject.id)
    return [
        event.Recorded(number=row.number, body=bytes(row.body), previous=row.previous, hash=row.hash)
        for row in connection.execute(query)
    ]


def verify(connection: Connection) -> event.Verified:
    """Recompute the whole chain from the stored bytes, and compare each column kept beside them for searching."""
    top = connection.execute(select(head.c.number, head.c.hash).where(head.c.id == 1)).one()
    number, previous = 0, event.GENESIS
    while rows := connection.execute(
        select(events).where(events.c.number > number).order_by(events.c.number).limit(_PAGE)
    ).all():
        for row in rows:
            problem = _problem(row, number + 1, previous)
            if problem is not None:
                return event.Verified(events=number, head=previous, broken_at=number + 1, problem=problem)
            number, previous = row.number, row.hash
    if (number, previous) != (top.number, top.hash):
        return event.Verified(events=number, head=previous, broken_at=number + 1, problem="the last events are missing")
    return event.Verified(events=number, head=previous)


def _problem(row: object, expected: int, previous: str) -> str | None:
    body = bytes(row.body)  # type: ignore[attr-defined]
    if row.number != expected:  # type: ignore[attr-defined]
        return "an event is missing"
    if row.previous != previous:  # type: ignore[attr-defined]
        return "it does not follow the event before it"
    if event.chain(previous, body) != row.hash:  # type: ignore[attr-defined]
        return "its bytes were changed"
    item = msgspec.json.decode(body, type=event.Event)
    kept = (row.id, row.project, row.kind, row.noun, row.subject, row.actor, row.at_us)  # type: ignore[attr-defined]
    if kept != _index(item):
        return "its index columns differ from its bytes"
    return None


def _index(item: event.Event) -> tuple[object, ...]:
    at_us = time.to_us(item.at)
    return (item.id, item.project, item.kind, item.subject.noun, item.subject.id, item.actor, at_us)
