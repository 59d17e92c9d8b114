"""The audit trail: narrowed, paged, exported so that anyone can verify it, and broken when anything was changed."""

from typing import Any

import msgspec
import sqlalchemy

from podium.core import access, event, time
from podium.manage.audit import store as audit
from podium.store import events
from podium.store.store import Store


def fill(store: Store, clock: Any, count: int = 6) -> None:
    for number in range(count):
        person = access.Caller(
            name=f"person-{number % 2}", roles=frozenset({access.Role.SCIENTIST}), project=f"project-{number % 3}"
        )
        kind = "run.requested" if number % 2 else "run_note.added"
        with store.write(person) as tx:
            tx.record(kind, event.Subject("run", f"run-{number}"), permission=access.Permission.BUILD)
        clock.advance(hours=1)


def numbers(store: Store, wanted: audit.Filter, **paging: Any) -> list[int]:
    with store.read() as connection:
        return [item.number for item in audit.list_entries(connection, wanted, **paging)]


def test_events_are_narrowed_and_paged(store: Store, clock: Any) -> None:
    start = time.to_us(clock.now)
    fill(store, clock)
    assert numbers(store, audit.Filter()) == [6, 5, 4, 3, 2, 1]
    assert numbers(store, audit.Filter(), limit=2) == [6, 5]
    assert numbers(store, audit.Filter(), before=5, limit=2) == [4, 3]
    assert numbers(store, audit.Filter(), after=4) == [5, 6]
    assert numbers(store, audit.Filter(project="project-0")) == [4, 1]
    assert numbers(store, audit.Filter(actor="person-1")) == [6, 4, 2]
    assert numbers(store, audit.Filter(kind="run.requested")) == [6, 4, 2]
    assert numbers(store, audit.Filter(kind="run.")) == [6, 4, 2]
    assert numbers(store, audit.Filter(kind="run_.")) == []
    assert numbers(store, audit.Filter(noun="run", subject="run-3")) == [4]
    hour = 3_600_000_000
    assert numbers(store, audit.Filter(since_us=start + hour, until_us=start + 3 * hour)) == [3, 2]


def test_the_export_proves_itself(store: Store, clock: Any) -> None:
    fill(store, clock)
    with store.read() as connection:
        lines = [msgspec.json.decode(line) for line in audit.export_lines(connection, audit.Filter())]
        proof = events.verify(connection)
    previous = event.GENESIS
    for line in lines:
        assert line["previous"] == previous
        previous = event.chain(previous, line["body"].encode())
        assert line["hash"] == previous
    assert (proof.events, proof.head, proof.problem) == (6, previous, None)


def test_a_changed_event_breaks_the_proof(store: Store, clock: Any) -> None:
    fill(store, clock)
    with store.plumbing() as connection:
        connection.execute(
            sqlalchemy.update(events.events).where(events.events.c.number == 3).values(actor="somebody-else")
        )
    with store.read() as connection:
        proof = events.verify(connection)
    assert proof.broken_at == 3
