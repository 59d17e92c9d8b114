"""The queue's promises on both databases: who gets which job, and who may finish it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from podium.core import access, event, job
from podium.core.errors import Conflict, NotFound
from podium.core.job import JobState, Progress
from podium.jobs import actions, queue
from podium.jobs import store as rows
from podium.store import events
from podium.store.store import Store
from podium.store.transaction import Transaction

CallerOf = Callable[..., access.Caller]
KINDS = frozenset({"a", "b"})


def _say(tx: Transaction) -> None:
    tx.record("thing.asked", event.Subject("thing", "t"), permission=access.Permission.DEPLOY)


def add(store: Store, kind: str = "a", **more: Any) -> str:
    with store.write(access.system("flights")) as tx:
        _say(tx)
        return queue.enqueue(tx, kind, {}, project="flights", **more)


def take(
    store: Store, at: int = 0, limits: dict[str, int] | None = None, until: int = 10, now_us: int = 2**52
) -> job.Job | None:
    with store.plumbing() as connection:
        return queue.lease(connection, KINDS, limits or {}, queue.Now(now_us, at), worker="w", until_us=until)


def must_take(store: Store, at: int = 0, until: int = 10) -> job.Job:
    taken = take(store, at, until=until)
    assert taken is not None
    return taken


def read(store: Store, job_id: str) -> job.Job:
    with store.read() as connection:
        return rows.get(connection, "flights", job_id)


def test_the_highest_priority_goes_first_then_the_earliest_due(store: Store, clock: Any) -> None:
    late = add(store, due=clock.now + timedelta(hours=2))
    early = add(store, due=clock.now + timedelta(hours=1))
    urgent = add(store, "b", priority=5, due=clock.now + timedelta(hours=3))
    assert [must_take(store).id for _ in range(3)] == [urgent, early, late]
    assert take(store) is None


def test_a_job_is_not_leased_before_it_is_due(store: Store, clock: Any) -> None:
    add(store, due=clock.now + timedelta(seconds=1))
    now_us = int(clock.now.timestamp()) * 10**6
    assert take(store, now_us=now_us) is None
    assert take(store, now_us=now_us + 10**6) is not None


def test_a_key_makes_one_job_whatever_became_of_it(store: Store, caller: CallerOf) -> None:
    first = add(store, unique_key="k")
    assert add(store, unique_key="k") == first
    actions.cancel(store, caller("engineer"), "flights", first)
    assert add(store, unique_key="k") == first
    with store.write(access.system("other")) as tx:
        _say(tx)
        assert queue.enqueue(tx, "a", {}, project="other", unique_key="k") != first
    assert add(store) != add(store)


def test_an_expired_lease_is_taken_over_and_fences_the_first_worker(store: Store) -> None:
    add(store)
    first = must_take(store, at=0, until=10)
    assert take(store, at=9) is None
    second = must_take(store, at=10, until=20)
    assert (second.id, second.fence, second.attempt) == (first.id, first.fence + 1, 2)
    changes: list[Callable[[Any], object]] = [
        lambda c: queue.hold(c, first),
        lambda c: queue.end(c, first, JobState.DONE, 1),
        lambda c: queue.retry(c, first, "no", 0),
        lambda c: queue.release(c, first),
    ]
    for change in changes:
        with pytest.raises(queue.LeaseLost), store.plumbing() as connection:
            change(connection)
    with store.plumbing() as connection:
        assert not queue.heartbeat(connection, first, None, 99).held
        queue.answer(connection, first, {"from": "the zombie"})
        assert queue.heartbeat(connection, second, Progress(fraction=0.5, message="half"), 30).held
        assert queue.heartbeat(connection, second, None, 30) == queue.Pulse(held=True)
    now = read(store, second.id)
    assert (now.progress, now.message, now.result, now.state) == (0.5, "half", None, JobState.RUNNING)
    assert take(store, at=29) is None


def test_limits_count_running_jobs_of_a_kind_over_all_workers(store: Store) -> None:
    for _ in range(3):
        add(store, "a", priority=1)
    add(store, "b")
    limits = {"a": 2}
    taken = [take(store, limits=limits) for _ in range(4)]
    assert [one and one.kind for one in taken] == ["a", "a", "b", None]
    with store.read() as connection:
        assert not queue.waiting(connection, KINDS, limits, queue.Now(2**52, 0))
        assert queue.waiting(connection, KINDS, limits, queue.Now(2**52, 10))


def test_an_abandoned_job_without_attempts_is_seized_once(store: Store) -> None:
    add(store, max_attempts=1)
    held = must_take(store, at=0, until=10)
    assert take(store, at=11) is None
    with store.read() as connection:
        assert queue.abandoned(connection, queue.Now(0, 9)) == []
        assert [one.id for one in queue.abandoned(connection, queue.Now(0, 11))] == [held.id]
    with store.plumbing() as connection:
        queue.heartbeat(connection, held, None, 50)
    with pytest.raises(queue.LeaseLost), store.plumbing() as connection:
        queue.seize(connection, held, queue.Now(0, 11))


def test_cancel_and_retry_by_people(store: Store, caller: CallerOf) -> None:
    engineer = caller("engineer")
    queued, running = add(store, priority=1), add(store)
    assert actions.cancel(store, engineer, "flights", queued).state is JobState.CANCELLED
    with pytest.raises(Conflict):
        actions.cancel(store, engineer, "flights", queued)
    held = must_take(store)
    assert held.id == running
    assert actions.cancel(store, engineer, "flights", running).cancel_requested
    with store.plumbing() as connection:
        assert queue.heartbeat(connection, held, None, 20).cancel_requested
    with pytest.raises(queue.Cancelled), store.plumbing() as connection:
        queue.hold(connection, held)
    with pytest.raises(Conflict):
        actions.retry(store, engineer, "flights", running)
    again = actions.retry(store, engineer, "flights", queued)
    assert (again.state, again.attempt, again.cancel_requested) == (JobState.QUEUED, 0, False)
    with pytest.raises(NotFound):
        actions.cancel(store, engineer, "other", queued)
    with store.read() as connection:
        kinds = [one.event().kind for one in events.read(connection, project="flights")]
    assert kinds[2:] == ["job.cancelled", "job.cancel-requested", "job.retried"]


def test_lists_and_the_count_of_active_jobs(store: Store, clock: Any) -> None:
    ids = [add(store, kind) for kind in ("a", "b", "a")]
    later = add(store, due=clock.now + timedelta(days=1))
    now_us = int(clock.now.timestamp()) * 10**6
    with store.plumbing() as connection:
        connection.execute(update(rows.jobs).where(rows.jobs.c.id == ids[0]).values(state="failed"))
    with store.read() as connection:
        everything = [one.id for one in rows.find(connection, "flights")]
        assert everything == sorted([*ids, later], reverse=True)
        page = rows.find(connection, "flights", limit=2)
        assert [one.id for one in rows.find(connection, "flights", after=page[-1].id)] == everything[2:]
        assert [one.id for one in rows.find(connection, "flights", state=JobState.FAILED)] == [ids[0]]
        assert {one.id for one in rows.find(connection, "flights", active_at_us=now_us)} == set(ids[1:])
        assert {one.id for one in rows.find(connection, "flights", kind="b")} == {ids[1]}
        assert rows.count_active(connection, now_us, project="flights") == 2
        assert rows.count_active(connection, now_us, project="other") == 0
