"""Runs: requested once, numbered, ended once, told as events."""

import threading
from collections.abc import Callable

import pytest

from podium.build.runs import actions, compare
from podium.build.runs import store as rows
from podium.core import access, event, run
from podium.core.errors import Conflict, Invalid, NotFound
from podium.core.signature import Signature, Task
from podium.jobs import queue
from podium.store import events
from podium.store.store import Store
from tests import training_project as made

CallerOf = Callable[..., access.Caller]


def asked(store: Store, **changes: object) -> run.RunRequest:
    values = {
        "model": "delay",
        "spec": made.spec(),
        "dataset": made.register(store),
        "code": run.Code(source_digest=store.blobs.put(b"code"), commit="abc"),
        "reason": "first",
    }
    return run.RunRequest(**(values | changes))  # type: ignore[arg-type]


def result(auc: float = 0.8) -> run.Result:
    interval = run.Interval(value=auc, low=auc - 0.1, high=auc + 0.1, rows=100)
    signature = Signature(features=(), task=Task.BINARY, key="id", target="late")
    return run.Result(signature=signature, metrics={"test": {"auc": interval}}, threshold=0.25, files={"x": "y"})


ENVIRONMENT = run.Environment(python="3.11", platform="here", packages=("numpy==2.0",))


def test_a_request_is_kept_with_all_it_needs(store: Store, caller: CallerOf) -> None:
    found = actions.request(store, caller("scientist"), asked(store, params={"trees": 7}, seed=9))
    assert (found.number, found.state, found.params, found.seed) == (1, run.RunState.REQUESTED, {"trees": 7}, 9)
    assert actions.spec_of(store.blobs, found) == made.spec()
    with store.read() as connection:
        assert rows.get(connection, "flights", found.id) == found
        told = events.read(connection, kind="run.requested")[0].event()
    assert told.subject == event.Subject("run", found.id)
    assert [parent.noun for parent in told.parents] == ["dataset", "spec", "source"]
    assert told.detail["reason"] == "first"


def test_wrong_requests(store: Store, caller: CallerOf) -> None:
    scientist = caller("scientist")
    nowhere = "sha256:" + "0" * 64
    for changes, error in [
        ({"model": "other"}, Invalid),
        ({"spec": made.spec(project="other")}, Invalid),
        ({"params": {"treees": 7}}, Invalid),
        ({"dataset": nowhere}, NotFound),
        ({"dataset": "data"}, Invalid),
        ({"code": run.Code(source_digest=nowhere)}, NotFound),
    ]:
        with pytest.raises(error):
            actions.request(store, scientist, asked(store, **changes))  # type: ignore[arg-type]
    with store.read() as connection:
        assert rows.find(connection, "flights") == []


def test_a_run_lives_once(store: Store, caller: CallerOf) -> None:
    found = actions.request(store, caller("scientist"), asked(store))
    started = actions.start(store, caller(), found, "job-1")
    assert (started.state, started.job) == (run.RunState.RUNNING, "job-1")
    with store.write(caller()) as tx:
        finished = actions.finish_in(tx, started, result(), ENVIRONMENT, store.blobs.put(b"printed"))
    assert finished.state is run.RunState.FINISHED
    assert finished.result == result()
    assert finished.environment == ENVIRONMENT
    with pytest.raises(Conflict), store.write(caller()) as tx:
        actions.finish_in(tx, started, result(), ENVIRONMENT, "x")
    with pytest.raises(Conflict):
        actions.start(store, caller(), found, "job-2")
    with store.read() as connection:
        kinds = [recorded.event().kind for recorded in events.read(connection)]
    assert kinds == ["dataset.registered", "run.requested", "run.started", "run.finished"]


def test_numbers_are_taken_once_by_many(store: Store, caller: CallerOf) -> None:
    def one() -> None:
        actions.request(store, caller("scientist"), asked(store))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as connection:
        numbers = [item.number for item in rows.find(connection, "flights")]
    assert sorted(numbers) == list(range(1, 9))


def test_lists_are_newest_first_and_paged(store: Store, caller: CallerOf) -> None:
    for _ in range(3):
        actions.request(store, caller("scientist"), asked(store))
    with store.read() as connection:
        first = rows.find(connection, "flights", limit=2)
        rest = rows.find(connection, "flights", after=first[-1].id)
        assert len({item.id for item in (*first, *rest)}) == 3
        assert rows.find(connection, "flights", model="other") == []
        assert len(rows.find(connection, "flights", state=run.RunState.REQUESTED)) == 3
        assert rows.find(connection, "elsewhere") == []
        with pytest.raises(NotFound):
            rows.get(connection, "elsewhere", first[0].id)


@pytest.mark.parametrize(("kind", "state"), [("job.failed", "failed"), ("job.cancelled", "cancelled")])
def test_a_run_ends_with_its_job(store: Store, caller: CallerOf, kind: str, state: str) -> None:
    found = actions.request(store, caller("scientist"), asked(store))
    actions.start(store, caller(), found, "job-1")
    store.hooks = {kind: [actions.follow_job]}
    for _ in range(2):
        with store.write(caller()) as tx:
            subject = event.Subject("job", "job-1")
            tx.record(kind, subject, permission=access.Permission.DEPLOY, detail={"kind": "build.train", "error": "x"})
    with store.read() as connection:
        assert rows.get(connection, "flights", found.id).state == state
        assert len(events.read(connection, kind=f"run.{state}")) == 1


def test_the_job_is_made_with_the_run(store: Store, caller: CallerOf) -> None:
    def hook(tx: object, told: event.Event) -> None:
        queue.enqueue(tx, "build.train", {"run": told.subject.id}, project=told.project)  # type: ignore[arg-type]

    store.hooks = {"run.requested": [hook]}
    actions.request(store, caller("scientist"), asked(store))


def test_two_runs_side_by_side(store: Store, caller: CallerOf) -> None:
    runs = []
    for trees, auc in [(10, 0.7), (20, 0.8)]:
        found = actions.request(store, caller("scientist"), asked(store, params={"trees": trees}))
        with store.write(caller()) as tx:
            runs.append(actions.finish_in(tx, found, result(auc), ENVIRONMENT, store.blobs.put(b"")))
    beside = compare.compare(*runs)
    assert beside.inputs == (run.Difference(name="params.trees", first=10, second=20),)
    assert [(item.name, item.first.value, item.second.value) for item in beside.metrics] == [("auc", 0.7, 0.8)]
