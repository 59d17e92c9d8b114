"""Models that were made elsewhere: taken over, measured, proven, registered; on both databases."""

from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow
import pytest

from podium.build.runs import actions as runs
from podium.build.runs import store as run_rows
from podium.build.runs import tasks as training
from podium.bundle import golden
from podium.core import access, bundle, engine, project, run, version
from podium.core.errors import Invalid, NotFound, PodiumError, Refused, Unavailable
from podium.deploy.packaging import tasks as packaging
from podium.jobs.worker import Worker
from podium.manage.policies import store as evidence
from podium.manage.policies import tasks as policies
from podium.manage.registry import actions as registry
from podium.manage.registry import store as versions
from podium.monitor.intake import bundles
from podium.store.store import Store
from tests import artifacts, cycle, foreign

CallerOf = Callable[..., access.Caller]
GATES = [
    {"name": "ranks", "expression": "metrics.test.auc.value > 0.7"},
    {"name": "same", "expression": "parity.max_abs_error <= parity.tolerance"},
]


def take_over(
    store: Store, caller: CallerOf, given: run.Imported, table: pyarrow.Table, **parts: Any
) -> tuple[run.Run, list[version.Version]]:
    """Ask, and do all jobs; the run and the model's versions."""
    wanted = foreign.asked(store, given, table, gates=GATES, **parts)
    store.hooks = {**cycle.FOLLOW, "run.requested": (cycle._start("build.train", "run"),)}
    scientist = caller("scientist", "ada")
    registry.apply(store, scientist, wanted.spec, store.blobs.put(b"code"))
    item = runs.request(store, scientist, wanted)
    handlers = {
        "build.train": training.train,
        "deploy.package": packaging.package,
        "manage.gates": policies.evaluate,
        "deploy.release": lambda _: None,
    }
    Worker(store=store, handlers=handlers, name="here", poll_seconds=0.01).run_until_idle()
    with store.read() as connection:
        return run_rows.get(connection, "flights", item.id), versions.list_versions(
            connection, "flights", model="delay"
        )


def test_a_foreign_model_becomes_a_version_with_evidence_and_gates(store: Store, caller: CallerOf) -> None:
    item, made = take_over(store, caller, foreign.imported(store), foreign.scored())
    assert item.state is run.RunState.FINISHED, item.error
    assert item.result is not None
    assert item.result.engine is bundle.Engine.PYTHON
    assert item.result.metrics["test"]["auc"].value > 0.75
    assert item.result.threshold is not None
    assert item.result.parity["max_abs_error"] <= 1e-12
    assert item.result.parity["recipe"] == "imported:python"
    assert [each.number for each in made] == [1]
    assert made[0].gates_passed
    with store.read() as connection:
        manifest = versions.manifest(connection, "flights", made[0].digest)
        found = {each.name for each in evidence.list_evidence(connection, "flights", made[0].digest)}
    assert manifest.engine is bundle.Engine.PYTHON
    assert {file.path for file in manifest.files} == {*foreign.FILES, bundle.GOLDEN, bundle.REFERENCE}
    assert {field.name for field in manifest.signature.features if field.nullable} == {"distance", "kind", "holiday"}
    assert {"metrics", "parity", "latency"} <= found
    with bundles.cache(store) as cache:  # as a replay has it
        model = cache.get(made[0].digest)
        table, expected = golden.decode(manifest.signature, store.blobs.get(manifest.file(bundle.GOLDEN).digest))
        assert model.blocking
        assert model.predict(table).tobytes() == expected.tobytes()
    with pytest.raises(Unavailable):
        model.predict(table)


def test_a_model_that_answers_otherwise_than_where_it_comes_from_is_refused(store: Store, caller: CallerOf) -> None:
    item, made = take_over(store, caller, foreign.imported(store), foreign.shifted(foreign.scored(), 1e-4))
    assert item.state is run.RunState.FAILED
    assert "otherwise than where it comes from: by 0.0001" in (item.error or "")
    assert not made


_WITHOUT_FILE = engine.Python(python="3.11", model="a.pkl")


def _request(store: Store, caller: CallerOf, given: run.Imported, **parts: Any) -> None:
    runs.request(store, caller("scientist", "ada"), foreign.asked(store, given, foreign.scored(50), **parts))


def test_code_runs_only_where_the_project_allows_it(store: Store, caller: CallerOf) -> None:
    given = foreign.imported(store)
    with pytest.raises(Refused, match="does not allow python models"):
        _request(store, caller, given, bundle={})
    onnx = foreign.imported(store, {bundle.MODEL: artifacts.files()[bundle.MODEL]}, bundle.Engine.ONNX)
    _request(store, caller, onnx, bundle={})


@pytest.mark.parametrize(
    ("files", "changes", "kind"),
    [
        ({}, {}, Invalid),
        ({"code/model.py": b""}, {}, Invalid),
        (foreign.FILES | {"../out": b""}, {}, Refused),
        (foreign.FILES | {bundle.GOLDEN: b""}, {}, Invalid),
        (foreign.FILES | {bundle.ENGINE: b"{}"}, {}, Invalid),
        (foreign.FILES | {bundle.ENGINE: msgspec.json.encode(engine.R())}, {}, Invalid),
        (
            foreign.FILES | {bundle.ENGINE: msgspec.json.encode(engine.Python(python="3.11", model="a.pkl"))},
            {},
            Invalid,
        ),
        (foreign.other_limits(seconds=0), {}, Invalid),
        (foreign.other_limits(memory_mb=1), {}, Invalid),
        (foreign.FILES, {"tolerance": 0.0}, Invalid),
        (foreign.FILES, {"expected": "distance"}, Invalid),
    ],
)
def test_parts_that_do_not_fit_are_refused_before_anything_runs(
    store: Store, caller: CallerOf, files: dict[str, bytes], changes: dict[str, Any], kind: type[PodiumError]
) -> None:
    with pytest.raises(kind):
        _request(store, caller, foreign.imported(store, files, **changes))
    with store.read() as connection:
        assert not run_rows.find(connection, "flights")


def test_a_file_that_was_never_sent_is_told(store: Store, caller: CallerOf) -> None:
    given = foreign.imported(store)
    missing = msgspec.structs.replace(given, files=given.files | {"code/more.py": "sha256:" + "0" * 64})
    with pytest.raises(NotFound):
        _request(store, caller, missing)


def test_nothing_is_trained_where_the_project_says_so(store: Store, caller: CallerOf) -> None:
    wanted = foreign.asked(store, foreign.imported(store), foreign.scored(50))
    plain = msgspec.structs.replace(wanted, code=run.Code(source_digest=store.blobs.put(b"code")))
    assert wanted.spec.train == project.NO_TRAINING
    with pytest.raises(Invalid, match="nothing is trained here"):
        runs.request(store, caller("scientist", "ada"), plain)
