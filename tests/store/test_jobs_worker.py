"""Workers on both databases: races, retries, cancelling, stopping, and zombies that come back."""

import threading
import time as real
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from podium.core import access, event, job
from podium.core.errors import Refused, Unavailable
from podium.core.job import JobState
from podium.jobs import actions, attempt, queue
from podium.jobs import store as rows
from podium.jobs.context import JobContext
from podium.jobs.worker import Worker
from podium.store import events
from podium.store.store import Store

CallerOf = Callable[..., access.Caller]
QUICK = attempt.Backoff(first_seconds=0.02, longest_seconds=0.1)


def add(store: Store, kind: str = "work", number: int = 1, **more: Any) -> list[str]:
    with store.write(access.system("flights")) as tx:
        tx.record("thing.asked", event.Subject("thing", "t"), permission=access.Permission.DEPLOY)
        return [queue.enqueue(tx, kind, {"n": n}, project="flights", **more) for n in range(number)]


def worker(store: Store, handlers: Mapping[str, attempt.Handler], **more: Any) -> Worker:
    given: dict[str, Any] = {"name": "one", "lease_seconds": 2.0, "poll_seconds": 0.02, "backoff": QUICK, **more}
    return Worker(store=store, handlers=handlers, **given)


def read(store: Store, job_id: str) -> job.Job:
    with store.read() as connection:
        return rows.get(connection, "flights", job_id)


def kinds_of(store: Store, job_id: str) -> list[str]:
    with store.read() as connection:
        found = events.read(connection, project="flights", limit=1000)
    return [one.event().kind for one in found if one.event().subject.id == job_id]


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = real.monotonic() + seconds
    while not condition():
        assert real.monotonic() < end, "it did not happen in time"
        real.sleep(0.01)


@contextmanager
def running(*workers: Worker) -> Iterator[threading.Event]:
    stop = threading.Event()
    threads = [threading.Thread(target=one.run, args=[stop]) for one in workers]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def act(context: JobContext) -> None:
    """A task's effect: one event a job."""
    with context.finishing() as tx:
        tx.record("thing.done", event.Subject("thing", context.job.id), permission=access.Permission.DEPLOY)


@pytest.mark.parametrize("limits", [{}, {"work": 3}])
def test_two_workers_race_for_200_jobs_and_do_each_exactly_once(
    database_url: str, make_store: Callable[[str], Store], limits: dict[str, int]
) -> None:
    stores = [make_store(database_url) for _ in range(2)]
    ids = add(stores[0], number=200)
    lock, inside, most, begun = threading.Lock(), 0, 0, Counter[str]()
    met, meeting = set[str | None](), threading.Barrier(2)

    def handle(context: JobContext) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            begun[context.job.id] += 1
            first = context.job.worker not in met
            met.add(context.job.worker)
        if first:  # each worker's first job waits for the other's: they do run at the same time
            meeting.wait(60)
        real.sleep(0.005)
        with lock:
            inside -= 1
        act(context)

    more = {"threads": 3, "limits": limits, "lease_seconds": 30.0}
    with running(*[worker(store, {"work": handle}, name=f"w{n}", **more) for n, store in enumerate(stores)]):

        def idle() -> bool:
            with stores[0].read() as connection:
                return rows.count_active(connection, 2**52) == 0

        until(idle, 100)
    assert begun == Counter(ids)
    with stores[0].read() as connection:
        done = rows.find(connection, "flights", state=JobState.DONE, limit=1000)
        effects = events.read(connection, project="flights", kind="thing.done", limit=1000)
    assert {one.id for one in done} == set(ids)
    assert Counter(one.event().subject.id for one in effects) == Counter(ids)
    assert {one.attempt for one in done} == {1}
    assert len({one.worker for one in done}) == 2
    assert 1 < most <= (3 if limits else 6)


def test_a_plain_handler_is_finished_with_its_result_and_an_event(store: Store) -> None:
    (plain,) = add(store, "plain")
    (own,) = add(store, "own")

    def finish(context: JobContext) -> dict[str, Any]:
        act(context)
        return {"own": True}

    worker(store, {"plain": lambda context: {"n": context.job.args["n"]}, "own": finish}).run_until_idle()
    done = read(store, plain)
    assert (done.state, done.result, done.progress) == (JobState.DONE, {"n": 0}, 1.0)
    assert done.finished_us is not None
    assert kinds_of(store, plain) == ["job.finished"]
    assert read(store, own).result == {"own": True}
    assert kinds_of(store, own) == ["thing.done"]


def test_an_unexpected_error_is_retried_then_fails_with_its_last_line(store: Store) -> None:
    (flaky,) = add(store, "flaky")
    (broken,) = add(store, "broken", max_attempts=2)
    (quits,) = add(store, "quits", max_attempts=1)

    def try_twice(context: JobContext) -> None:
        if context.job.attempt < 3:
            raise Unavailable("Not yet.")

    def break_down(_context: JobContext) -> None:
        raise ZeroDivisionError("by zero")

    def quit_now(_context: JobContext) -> None:
        raise SystemExit(3)

    worker(store, {"flaky": try_twice, "broken": break_down, "quits": quit_now}).run_until_idle()
    assert (read(store, flaky).state, read(store, flaky).attempt, read(store, flaky).error) == (JobState.DONE, 3, None)
    failed = read(store, broken)
    assert (failed.state, failed.attempt, failed.error) == (JobState.FAILED, 2, "ZeroDivisionError: by zero")
    assert kinds_of(store, broken) == ["job.failed"]
    assert read(store, quits).error == "SystemExit: 3"


def test_a_refusal_fails_at_once(store: Store) -> None:
    (refused,) = add(store)

    def refuse(_context: JobContext) -> None:
        raise Refused("Nobody has approved this.", fix="Ask the owner.")

    worker(store, {"work": refuse}).run_until_idle()
    found = read(store, refused)
    assert (found.state, found.attempt) == (JobState.FAILED, 1)
    assert found.error == "Nobody has approved this. Ask the owner."
    assert kinds_of(store, refused) == ["job.failed"]


def test_an_error_inside_the_last_transaction_leaves_no_effect(store: Store) -> None:
    (only,) = add(store)

    def half(context: JobContext) -> None:
        with context.finishing() as tx:
            tx.record("thing.done", event.Subject("thing", context.job.id), permission=access.Permission.DEPLOY)
            if context.job.attempt == 1:
                raise OSError("the disk went away")

    worker(store, {"work": half}).run_until_idle()
    assert (read(store, only).state, read(store, only).attempt) == (JobState.DONE, 2)
    assert kinds_of(store, only) == ["thing.done"]


@pytest.mark.parametrize("by", ["progress", "finishing", "failing"])
def test_a_running_job_is_cancelled_when_it_looks(store: Store, caller: CallerOf, by: str) -> None:
    (only,) = add(store)

    def asked_meanwhile(context: JobContext) -> None:
        actions.cancel(store, caller("engineer"), "flights", context.job.id)
        if by == "progress":
            context.progress(0.5, "half")
        if by == "failing":
            raise OSError("no")
        act(context)

    worker(store, {"work": asked_meanwhile}).run_until_idle()
    assert (read(store, only).state, read(store, only).attempt) == (JobState.CANCELLED, 1)
    assert kinds_of(store, only) == ["job.cancel-requested", "job.cancelled"]


def test_a_zombie_can_finish_nothing(database_url: str, make_store: Callable[[str], Store]) -> None:
    first, second = make_store(database_url), make_store(database_url)
    (only,) = add(first)
    asleep, awake, lost = threading.Event(), threading.Event(), threading.Event()

    def oversleep(context: JobContext) -> None:
        asleep.set()
        assert awake.wait(20)
        try:
            act(context)
        except queue.LeaseLost:
            lost.set()
            raise

    zombie = worker(first, {"work": oversleep}, lease_seconds=0.3)
    # Its heart has stopped, as that of a machine that sleeps: no heartbeat is ever sent.
    thread = threading.Thread(target=zombie._one)
    thread.start()
    assert asleep.wait(20)
    worker(second, {"work": act}, name="two").run_until_idle()
    awake.set()
    thread.join()
    assert lost.is_set()
    assert kinds_of(first, only) == ["thing.done"]
    done = read(first, only)
    assert (done.state, done.worker, done.attempt, done.fence) == (JobState.DONE, "two", 2, 2)


def test_the_heart_keeps_a_lease_and_carries_the_newest_progress(
    database_url: str, make_store: Callable[[str], Store]
) -> None:
    first, second = make_store(database_url), make_store(database_url)
    (only,) = add(first)
    go = threading.Event()

    def long(context: JobContext) -> None:
        context.progress(0.1, "first")
        context.progress(0.2, "second")
        assert go.wait(20)
        act(context)

    with running(worker(first, {"work": long}, lease_seconds=0.6)):
        until(lambda: read(first, only).message == "second")
        rival = worker(second, {"work": act}, name="rival")
        end = real.monotonic() + 1.5
        while real.monotonic() < end:
            assert not rival._one()
            real.sleep(0.02)
        go.set()
        until(lambda: read(first, only).state is JobState.DONE)
    assert read(first, only).attempt == 1


def test_a_job_that_kills_its_workers_fails_in_the_end(store: Store) -> None:
    (only,) = add(store, max_attempts=1)
    now = queue.Now(2**52, 0)
    with store.plumbing() as connection:
        assert queue.lease(connection, frozenset({"work"}), {}, now, worker="dead", until_us=1) is not None
    worker(store, {"work": act}).run_until_idle()
    found = read(store, only)
    assert found.state is JobState.FAILED
    assert found.error is not None
    assert found.error.startswith("The worker died")
    assert kinds_of(store, only) == ["job.failed"]


def test_stopping_gives_a_talkative_job_back_and_finishes_a_silent_one(store: Store) -> None:
    (talks,) = add(store, "talks", max_attempts=1)
    (silent,) = add(store, "silent")
    started = Counter[str]()
    stopping = threading.Event()

    def talk(context: JobContext) -> None:
        started["talks"] += 1
        while not stopping.is_set() or started["talks"] == 1:
            context.progress(0.5)
            real.sleep(0.01)
        act(context)

    def keep_silent(context: JobContext) -> None:
        started["silent"] += 1
        assert stopping.wait(20)
        act(context)

    handlers = {"talks": talk, "silent": keep_silent}
    with running(worker(store, handlers, threads=2)) as stop:
        until(lambda: len(started) == 2)
        stop.set()
        real.sleep(0.1)
        stopping.set()
    assert (read(store, talks).state, read(store, talks).attempt) == (JobState.QUEUED, 0)
    assert read(store, silent).state is JobState.DONE
    worker(store, handlers).run_until_idle()
    assert (read(store, talks).state, read(store, talks).fence) == (JobState.DONE, 2)


def test_an_idle_worker_that_is_woken_starts_at_once(store: Store) -> None:
    patient = worker(store, {"work": act}, poll_seconds=30.0)
    with running(patient):
        real.sleep(0.3)
        (only,) = add(store)
        patient.wake()
        until(lambda: read(store, only).state is JobState.DONE, 5)


def test_a_worker_outlives_a_database_that_is_away(store: Store) -> None:
    name = "jobs_elsewhere"

    def rename(old: str, new: str) -> None:
        with store.plumbing() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    (only,) = add(store)
    rename("jobs", name)
    with running(worker(store, {"work": act})):
        real.sleep(0.5)
        rename(name, "jobs")
        until(lambda: read(store, only).state is JobState.DONE)
