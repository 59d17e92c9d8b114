"""A registered version, made as the pipeline makes it: project file, run, manifest, evidence, gates."""

from typing import Any

from podium.core import access, bundle, project, run, signature
from podium.core.version import Version
from podium.manage.policies import actions as policies
from podium.manage.registry import actions as registry
from podium.manage.registry import store as rows
from podium.store.store import Store
from tests import training_project

SCIENTIST = access.Caller(name="ana", roles=frozenset({access.Role.SCIENTIST}), project="flights")
GATES = (
    project.GatePart(name="area", expression="metrics.test.auc.value > 0.7"),
    project.GatePart(name="same", expression="parity.max_abs_error <= parity.tolerance"),
)
DATASET = "sha256:" + "d" * 64


def spec(**parts: Any) -> project.Project:
    """A project file with two gates."""
    return training_project.spec(**({"gates": GATES} | parts))


def apply(store: Store, caller: access.Caller = SCIENTIST, **parts: Any) -> str:
    """Apply the project file; its model's name."""
    source = store.blobs.put(b"the code")
    return registry.apply(store, caller, spec(**parts), source).name


def finished_run(store: Store, number: int = 1, by: str = "ana", model: str = "delay") -> run.Run:
    """A finished run of the project file in force."""
    with store.read() as connection:
        known = rows.model(connection, "flights", model)
    return run.Run(
        id=f"run-{model}-{number}",
        project="flights",
        model=model,
        number=number,
        state=run.RunState.FINISHED,
        dataset=DATASET,
        spec_digest=known.spec_digest,
        params={},
        seed=1,
        code=run.Code(source_digest=known.source_digest),
        reason="",
        created_us=number,
        created_by=by,
    )


def manifest(item: run.Run, files: tuple[bundle.File, ...] = ()) -> bundle.Manifest:
    """What the run's bundle is."""
    return bundle.Manifest(
        project=item.project,
        model=item.model,
        engine=bundle.Engine.ONNX,
        signature=signature.Signature(features=(), task=signature.Task.BINARY, key="id", target="late"),
        threshold=0.5,
        files=files,
        parity=bundle.Parity(rows=10, max_abs_error=0.0, tolerance=1e-6, recipe="double"),
        run=item.id,
        dataset=item.dataset,
        source=item.code.source_digest,
        created_us=item.created_us,
    )


def register(store: Store, number: int = 1, *, by: str = "ana", auc: float = 0.8, model: str = "delay") -> Version:
    """A version with evidence, its gates not evaluated."""
    item = finished_run(store, number, by, model)
    described = manifest(item)
    address = registry.store_bundle(store, described, {})
    with store.write(access.system("flights")) as tx:
        made = registry.register_in(tx, item, described, address)
        policies.attach_in(tx, made, "metrics", {"test": {"auc": {"value": auc, "low": auc - 0.1}}})
        policies.attach_in(tx, made, "parity", {"max_abs_error": 0.0, "tolerance": 1e-6, "rows": 10})
    return made


def evaluated(store: Store, number: int = 1, *, by: str = "ana", auc: float = 0.8) -> Version:
    """A version whose gates were evaluated."""
    made = register(store, number, by=by, auc=auc)
    policies.evaluate(store, access.system("flights"), made.model, made.number)
    with store.read() as connection:
        return rows.version(connection, "flights", made.model, made.number)
