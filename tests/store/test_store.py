"""The promises of the store, on both databases: change and event together, a chain that shows any tampering."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from podium.core import access, event
from podium.core.errors import Conflict, NotFound, Refused, Unavailable
from podium.server import tables
from podium.store import answers, events, schema
from podium.store.store import Store

CallerOf = Callable[..., access.Caller]


def _act(store: Store, caller: access.Caller, number: int = 0) -> None:
    with store.write(caller) as tx:
        subject = event.Subject("thing", f"t-{number}")
        tx.record("thing.made", subject, permission=access.Permission.BUILD, detail={"number": number})


def test_events_are_chained_in_order(store: Store, caller: CallerOf) -> None:
    for number in range(5):
        _act(store, caller("scientist"), number)
    with store.read() as connection:
        read = events.read(connection, project="flights")
        verified = events.verify(connection)
    assert [recorded.event().detail["number"] for recorded in read] == [0, 1, 2, 3, 4]
    assert [recorded.number for recorded in read] == [1, 2, 3, 4, 5]
    assert read[0].event().role == "scientist"
    assert verified.broken_at is None
    assert verified.events == 5


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE events SET body = (SELECT body FROM events WHERE number = 1) WHERE number = 2",
        "DELETE FROM events WHERE number = 2",
        "DELETE FROM events WHERE number = 3",
        "UPDATE events SET actor = 'somebody' WHERE number = 2",
        "UPDATE events SET at_us = 1 WHERE number = 1",
        "UPDATE event_head SET number = 2",
    ],
)
def test_tampering_is_found(store: Store, caller: CallerOf, tamper: str) -> None:
    for number in range(3):
        _act(store, caller("scientist"), number)
    with store.plumbing() as connection:
        connection.exec_driver_sql(tamper)
    with store.read() as connection:
        assert events.verify(connection).broken_at is not None


def test_a_failed_action_leaves_nothing(store: Store, caller: CallerOf) -> None:
    with pytest.raises(Refused), store.write(caller("scientist")) as tx:
        tx.record("thing.made", event.Subject("thing", "x"), permission=access.Permission.BUILD)
        raise Refused("No.")
    with store.read() as connection:
        assert events.read(connection) == []


def test_an_action_without_an_event_is_a_defect(store: Store, caller: CallerOf) -> None:
    with pytest.raises(AssertionError), store.write(caller("scientist")):
        pass


def test_many_writers_make_one_chain(store: Store, caller: CallerOf) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: _act(store, caller("scientist"), number), range(80)))
    with store.read() as connection:
        assert events.verify(connection).events == 80


def test_a_hook_runs_in_the_same_transaction(store: Store, caller: CallerOf) -> None:
    seen: list[str] = []
    store.hooks = {"thing.made": [lambda _tx, made: seen.append(made.subject.id)]}
    _act(store, caller("scientist"), 7)
    assert seen == ["t-7"]


def test_a_repeated_request_gets_the_same_answer(store: Store) -> None:
    person = access.Caller(
        name="ada",
        roles=frozenset({access.Role.SCIENTIST}),
        project="flights",
        idempotency_key="key-1",
        request_digest="sha256:1",
    )
    with store.write(person) as tx:
        tx.record("thing.made", event.Subject("thing", "x"), permission=access.Permission.BUILD)
        tx.done({"id": "x"})
    with store.read() as connection:
        assert answers.recall(connection, person) == b'{"id":"x"}'
    other = access.Caller(
        name="ada", roles=person.roles, project="flights", idempotency_key="key-1", request_digest="sha256:2"
    )
    with store.read() as connection, pytest.raises(Conflict, match="another request"):
        answers.recall(connection, other)


def test_migrations_make_what_the_code_declares(store: Store) -> None:
    assert tables.ALL
    with store.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, schema.metadata)
    assert differences == []


def test_blobs_are_verified(store: Store) -> None:
    address = store.blobs.put(b"bytes")
    assert store.blobs.put(b"bytes") == address
    assert store.blobs.get(address) == b"bytes"
    assert store.blobs.folder is not None
    path = next(path for path in store.blobs.folder.rglob("*") if path.is_file())
    path.chmod(0o644)
    path.write_bytes(b"bytez")
    with pytest.raises(Refused):
        store.blobs.get(address)
    with pytest.raises(NotFound):
        store.blobs.get("sha256:" + "0" * 64)


def test_a_torn_blob_is_mended_by_putting_it_again(store: Store) -> None:
    address = store.blobs.put(b"whole bytes")
    assert store.blobs.folder is not None
    path = next(path for path in store.blobs.folder.rglob("*") if path.is_file())
    path.write_bytes(b"who")
    store.blobs.put(b"whole bytes")
    assert store.blobs.get(address) == b"whole bytes"


def test_a_blob_store_that_refuses_is_unavailable_and_no_defect(store: Store) -> None:
    address = store.blobs.put(b"before")
    assert store.blobs.folder is not None
    whole, aside = store.blobs.folder / "blobs", store.blobs.folder / "aside"
    whole.rename(aside)
    whole.write_bytes(b"a file in the folder's place")
    for ask in (lambda: store.blobs.put(b"more"), lambda: store.blobs.get(address)):
        with pytest.raises(Unavailable, match="The blob store cannot be"):
            ask()
    whole.unlink()
    aside.rename(whole)
    assert store.blobs.get(address) == b"before"


def test_reading_sees_one_snapshot(store: Store, caller: CallerOf) -> None:
    _act(store, caller("scientist"), 0)
    with store.read() as connection:
        before = connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(events.events)).scalar()
        _act(store, caller("scientist"), 1)
        after = connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(events.events)).scalar()
    assert before == after == 1
