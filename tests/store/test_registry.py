"""Models and versions: what changes them, what refuses, what is kept."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from podium.core import access, bundle, digest, errors, event, project
from podium.core.signature import Task
from podium.core.version import VersionState
from podium.manage.registry import actions, dependencies
from podium.manage.registry import store as rows
from podium.store import events
from podium.store.store import Store
from tests import class_project, registered

Caller = Callable[..., access.Caller]


def kinds(store: Store) -> list[str]:
    with store.read() as connection:
        return [item.event().kind for item in events.read(connection, limit=1000)]


def test_a_model_is_registered_once_and_changed_only_by_a_change(store: Store) -> None:
    registered.apply(store)
    registered.apply(store)
    assert kinds(store) == ["model.registered"]
    registered.apply(store, seed=9)
    with store.read() as connection:
        model = rows.model(connection, "flights", "delay")
        last = events.read(connection, kind="model.changed")[0].event()
    assert model.spec.seed == 9
    assert model.spec_digest == digest.of_value(model.spec)
    assert last.detail["changed"] == ["seed"]
    assert model.updated_us >= model.created_us


def test_a_wrong_project_file_is_refused(store: Store) -> None:
    source = store.blobs.put(b"the code")
    with pytest.raises(errors.Invalid, match="another project"):
        actions.apply(store, registered.SCIENTIST, registered.spec(project="trains"), source)
    with pytest.raises(errors.Invalid, match="not uploaded"):
        actions.apply(store, registered.SCIENTIST, registered.spec(), "sha256:" + "0" * 64)
    wrong = (project.GatePart(name="area", expression="metrics.test.auk.value > 0.7"),)
    with pytest.raises(errors.Invalid, match="Did you mean 'auc'") as refused:
        actions.apply(store, registered.SCIENTIST, registered.spec(gates=wrong), source)
    assert refused.value.field == "gates[0].expression"
    twice = (registered.GATES[0], registered.GATES[0])
    with pytest.raises(errors.Invalid, match="same name"):
        actions.apply(store, registered.SCIENTIST, registered.spec(gates=twice), source)


def test_a_required_approval_is_not_taken_away_by_a_scientist(store: Store, caller: Caller) -> None:
    registered.apply(store)
    fewer = project.ApprovalsPart(required=("owner",))
    with pytest.raises(errors.Refused, match="validator"):
        registered.apply(store, approvals=fewer)
    registered.apply(store, caller("owner"), approvals=fewer)
    with store.read() as connection:
        assert rows.model(connection, "flights", "delay").spec.approvals.required == ("owner",)


def test_the_classes_of_a_model_are_its_own_for_good(store: Store) -> None:
    model = class_project.spec().model
    registered.apply(store, model=model, costs=None)
    registered.apply(store, model=model, costs=None, seed=9)
    turned = msgspec.structs.replace(model, classes=model.classes[::-1])
    binary = msgspec.structs.replace(model, classes=(), task=Task.BINARY)
    for other in (turned, binary):
        with pytest.raises(errors.Refused, match="for good") as refused:
            registered.apply(store, model=other, costs=None)
        assert refused.value.field == "model.classes"


def test_versions_are_numbered_per_model_and_one_per_bundle(store: Store) -> None:
    registered.apply(store)
    part = msgspec.structs.replace(registered.spec().model, name="fares")
    registered.apply(store, model=part)
    made = [registered.register(store, number) for number in (1, 2, 3)]
    other = registered.register(store, model="fares")
    assert [item.number for item in made] == [1, 2, 3]
    assert other.number == 1
    again = registered.finished_run(store, 2)
    with store.write(access.system("flights")) as tx:
        same = actions.register_in(tx, again, registered.manifest(again), made[1].digest)
        assert not tx.recorded
        actions.retire_in(tx, made[2], "another model took over")
    assert same == made[1]
    with store.read() as connection:
        assert [item.number for item in rows.list_versions(connection, "flights", model="delay")] == [3, 2, 1]
        assert [
            item.number for item in rows.list_versions(connection, "flights", model="delay", before=3, limit=1)
        ] == [2]
        assert rows.find_digest(connection, "trains", made[0].digest) is None


def test_versions_registered_at_the_same_time_leave_no_gap(store: Store) -> None:
    registered.apply(store)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: registered.register(store, number), range(8)))
    assert sorted(item.number for item in made) == list(range(1, 9))


def test_a_version_needs_an_applied_project_file_and_its_own_digest(store: Store) -> None:
    registered.apply(store)
    item = registered.finished_run(store)
    described = registered.manifest(item)
    stranger = msgspec.structs.replace(item, spec_digest="sha256:" + "e" * 64)
    with store.read() as connection, pytest.raises(errors.NotFound):
        rows.spec(connection, "flights", stranger.spec_digest)
    with pytest.raises(errors.Refused, match="never applied"), store.write(access.system("flights")) as tx:
        actions.register_in(tx, stranger, described, digest.of_value(described))
    with pytest.raises(errors.Invalid, match="not this manifest"), store.write(access.system("flights")) as tx:
        actions.register_in(tx, item, described, "sha256:" + "e" * 64)


def test_states_follow_the_life_cycle(store: Store, caller: Caller) -> None:
    registered.apply(store)
    made = registered.register(store)
    with pytest.raises(errors.Conflict, match="cannot become approved"), store.write(caller("owner")) as tx:
        actions.step_in(tx, made, VersionState.APPROVED, permission=access.Permission.APPROVE)
    retired = actions.retire(store, caller("owner"), "delay", 1, "not needed")
    assert retired.state is VersionState.RETIRED
    with store.write(access.system("flights")) as tx:
        assert actions.restore_in(tx, made, "rolled back").state is VersionState.APPROVED
    assert kinds(store)[-2:] == ["version.retired", "version.restored"]


def test_a_model_is_retired_and_restored(store: Store, caller: Caller) -> None:
    registered.apply(store)
    assert actions.retire_model(store, caller("owner"), "delay").retired
    with pytest.raises(errors.Conflict):
        actions.retire_model(store, caller("owner"), "delay")
    with store.read() as connection:
        assert rows.list_models(connection, "flights", retired=False) == []
    assert not actions.restore_model(store, caller("owner"), "delay").retired


def test_notes_are_kept(store: Store) -> None:
    registered.apply(store)
    registered.register(store)
    assert actions.set_note(store, registered.SCIENTIST, "delay", 1, "Weak at night.").note == "Weak at night."
    with pytest.raises(errors.Invalid):
        actions.set_note(store, registered.SCIENTIST, "delay", 1, "x" * 10_001)
    with pytest.raises(errors.NotFound):
        actions.set_note(store, registered.SCIENTIST, "delay", 2, "")


def test_a_bundle_is_kept_only_whole(store: Store) -> None:
    registered.apply(store)
    item = registered.finished_run(store)
    file = bundle.File(path="model.onnx", digest=digest.of_bytes(b"model"), bytes=5)
    described = registered.manifest(item, (file,))
    with pytest.raises(errors.Invalid, match="not those"):
        actions.store_bundle(store, described, {"model.onnx": b"other"})
    address = actions.store_bundle(store, described, {"model.onnx": b"model"})
    assert address == digest.of_value(described)
    assert store.blobs.get(address) == digest.canonical(described)
    with store.write(access.system("flights")) as tx:
        actions.register_in(tx, item, described, address)
    with store.read() as connection:
        assert rows.manifest(connection, "flights", address) == described


def test_dependencies_between_models_and_data(store: Store) -> None:
    registered.apply(store)
    made = registered.register(store)
    with store.write(access.system("flights")) as tx:
        version, log = actions.subject(made), access.Permission.BUILD
        release = event.Subject("release", "release-1")
        window = event.Subject("window", "window-1")
        data = event.Subject("dataset", registered.DATASET)
        tx.record("release.started", release, permission=log, parents=(version,))
        tx.record("window.closed", window, permission=log, parents=(release,))
        tx.record("dataset.registered", data, permission=log, parents=(window,))
    with store.read() as connection:
        found = dependencies.of_model(connection, "flights", "delay")
        assert [item.number for item in rows.list_versions(connection, "flights", dataset=registered.DATASET)] == [1]
    assert found.trained_on == (registered.DATASET,)
    assert found.feeds == (data,)
    assert found.models == ("delay",)
