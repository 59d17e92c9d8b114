"""A finished run becomes a version exactly once, and only if its bundle answers as the model did."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from podium.bundle import golden
from podium.core import access, bundle, digest, event
from podium.core.job import JobState
from podium.deploy.packaging import manifest
from podium.jobs import store as jobs
from podium.manage.policies import store as evidences
from podium.manage.registry import store as versions
from podium.store import events
from podium.store.store import Store
from tests import artifacts, cycle

CallerOf = Callable[..., access.Caller]


@pytest.fixture(autouse=True)
def _inventory(store: Store, caller: CallerOf) -> None:
    cycle.begin(store, caller, release={"automatic": False})


def test_a_run_becomes_a_version_with_its_evidence(store: Store, caller: CallerOf, tmp_path: Path) -> None:
    item = cycle.finish_run(store, caller, -1.0)
    cycle.work(store)
    with store.read() as connection:
        made = versions.version(connection, "flights", "delay", 1)
        known = {found.name: found.content for found in evidences.list_evidence(connection, "flights", made.digest)}
    assert (made.run, made.dataset, made.gates_passed, made.created_by) == (item.id, item.dataset, True, "ada")
    assert set(known) == {"metrics", "slices", "parity", "latency", "cost", "rows"}
    assert known["metrics"]["test"]["auc"]["value"] == 0.75
    read = manifest.read(store.blobs, made.digest)
    assert digest.of_value(read) == made.digest
    for file in read.files:
        assert digest.of_bytes(store.blobs.get(file.digest)) == file.digest


def test_a_second_job_for_the_same_run_makes_no_second_version(store: Store, caller: CallerOf) -> None:
    item = cycle.finish_run(store, caller, -1.0)
    cycle.work(store)
    with store.write(caller()) as tx:
        tx.record("run.finished", event.Subject("run", item.id), permission=access.Permission.BUILD)
    cycle.work(store)
    with store.read() as connection:
        assert len(versions.list_versions(connection, "flights")) == 1
        assert len(events.read(connection, kind="version.registered")) == 1
    assert _states(store, "deploy.package") == [JobState.DONE, JobState.DONE]


def test_a_form_that_answers_differently_is_refused_with_the_figures(store: Store, caller: CallerOf) -> None:
    table, expected = golden.decode(artifacts.SIGNATURE, artifacts.files()[bundle.GOLDEN])
    good = artifacts.files(-1.0)
    wrong = good | {bundle.GOLDEN: golden.encode(artifacts.SIGNATURE, table, expected + 0.02)}
    item = cycle.finish_run(store, caller, -1.0, files={path: store.blobs.put(data) for path, data in wrong.items()})
    cycle.work(store)
    with store.read() as connection:
        assert versions.list_versions(connection, "flights") == []
        told = events.read(connection, kind="package.refused")[0].event()
    assert told.subject.id == item.id
    assert told.detail["difference"] == pytest.approx(0.02)
    assert told.detail["tolerance"] == 1e-6


def test_a_run_that_lost_an_artifact_fails_its_job(store: Store, caller: CallerOf) -> None:
    cycle.finish_run(store, caller, -1.0, files={})
    cycle.work(store)
    assert _states(store, "deploy.package") == [JobState.FAILED]
    with store.read() as connection:
        assert versions.list_versions(connection, "flights") == []


def test_the_next_version_knows_the_champion(store: Store, caller: CallerOf) -> None:
    first = cycle.make_version(store, caller, -1.0)
    cycle.start(store, caller, 1)
    cycle.approve(store, caller, 1)
    second = cycle.make_version(store, caller, -1.1)
    with store.read() as connection:
        known = {found.name: found.content for found in evidences.list_evidence(connection, "flights", second.digest)}
    assert known["champion"]["version"] == first.number
    assert known["champion"]["metrics"] == known["metrics"]


def test_a_run_of_worse_figures_does_not_pass_its_gate(store: Store, caller: CallerOf) -> None:
    low = msgspec.structs.replace(artifacts.result({}).metrics["test"]["auc"], value=0.6)
    cycle.finish_run(store, caller, -1.0, metrics={"test": {"auc": low}})
    cycle.work(store)
    with store.read() as connection:
        assert versions.version(connection, "flights", "delay", 1).gates_passed is False


def _states(store: Store, kind: str) -> list[JobState]:
    with store.read() as connection:
        return [item.state for item in jobs.find(connection, "flights", kind=kind)]


def test_an_attempt_that_breaks_off_at_the_end_leaves_nothing_behind(store: Store, caller: CallerOf) -> None:
    broken: list[event.Event] = []

    def break_once(_tx: object, made: event.Event) -> None:
        broken.append(made)
        if len(broken) == 1:
            raise OSError("the machine stopped")

    store.hooks = {**cycle.FOLLOW, "evidence.attached": (break_once,)}
    cycle.make_version(store, caller, -1.0)
    with store.read() as connection:
        assert len(events.read(connection, kind="version.registered")) == 1
        found = versions.list_versions(connection, "flights")
        names = [item.name for item in evidences.history(connection, "flights", found[0].digest)]
    assert [item.number for item in found] == [1]
    assert sorted(names) == ["cost", "latency", "metrics", "parity", "rows", "slices"]
