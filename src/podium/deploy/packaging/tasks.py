"""The job that turns a finished run into a registered version: bundle, proof, blobs, evidence; once."""

import math
import tempfile
from pathlib import Path
from typing import Any

from podium.build.runs import store as runs
from podium.core import access, bundle, digest, event, run, version
from podium.core.errors import Refused
from podium.deploy.endpoints import store as endpoints
from podium.deploy.packaging import evidence, proof
from podium.jobs.context import JobContext
from podium.manage.policies import actions as policies
from podium.manage.policies import store as evidences
from podium.manage.registry import actions as versions
from podium.manage.registry import store as registry
from podium.store.transaction import Transaction

_DEPLOY = access.Permission.DEPLOY


def package(context: JobContext) -> dict[str, Any] | None:
    """`deploy.package`: register the run's model as a version, unless it answers differently from the original.

    Then no version is made; the event `package.refused` has the figures, and the run stays as it is.
    """
    item, result = _run(context)
    manifest = proof.describe(item, result)
    context.progress(0.1, "Fetching the run's artifacts")
    files = {path: context.store.blobs.get(result.files[path]) for path in proof.files_of(result)}
    context.progress(0.4, "Proving that the bundle answers as the model")
    with tempfile.TemporaryDirectory(prefix="podium-package-") as folder:
        proven = proof.prove(Path(folder) / "bundle", manifest, files)
    if proven.refusal is not None:
        _refuse(context, item, proven)
        return None
    context.progress(0.8, "Keeping the bundle")
    for data in (*files.values(), digest.canonical(proven.manifest)):
        context.store.blobs.put(data)
    return _register(context, item, result, proven)


def _run(context: JobContext) -> tuple[run.Run, run.Result]:
    with context.store.read() as connection:
        item = runs.get(connection, context.caller.project, str(context.job.args["run"]))
    if item.state is not run.RunState.FINISHED or item.result is None:
        raise Refused(f"The run is {item.state}: only a finished one can be packaged.", field="run")
    return item, item.result


def _refuse(context: JobContext, item: run.Run, proven: proof.Proven) -> None:
    parity = proven.manifest.parity
    figures = {
        "difference": proven.difference if math.isfinite(proven.difference) else None,
        "measured_in_training": parity.max_abs_error if math.isfinite(parity.max_abs_error) else None,
        "tolerance": parity.tolerance,
        "recipe": parity.recipe,
        "why": proven.refusal,
    }
    with context.finishing(result={"version": None, **figures}) as tx:
        tx.record("package.refused", event.Subject("run", item.id), permission=_DEPLOY, detail=figures)


def _register(context: JobContext, item: run.Run, result: run.Result, proven: proof.Proven) -> dict[str, Any] | None:
    with context.store.read() as connection:
        known = registry.find_digest(connection, item.project, proven.digest)
    if known is not None:
        return {"version": known.number, "digest": known.digest}
    answer: dict[str, Any] = {}
    with context.finishing(result=answer) as tx:
        made = versions.register_in(tx, item, proven.manifest, proven.digest)
        found = evidence.contents(result, _measured(proven)) | evidence.explained(proven) | _champion(tx, made)
        for named, content in found.items():
            policies.attach_in(tx, made, named, content)
        answer.update(version=made.number, digest=made.digest)
    return None


def _measured(proven: proof.Proven) -> bundle.Parity:
    parity = proven.manifest.parity
    return bundle.Parity(
        rows=parity.rows,
        max_abs_error=max(parity.max_abs_error, proven.difference),
        tolerance=parity.tolerance,
        recipe=parity.recipe,
    )


def _champion(tx: Transaction, made: version.Version) -> dict[str, dict[str, Any]]:
    part = registry.model(tx.connection, made.project, made.model).spec.release
    place = endpoints.find(tx.connection, made.project, part.endpoint)
    if place is None or place.champion is None or place.model != made.model:
        return {}
    champion = registry.version(tx.connection, made.project, made.model, place.champion)
    known = {item.name: item.content for item in evidences.list_evidence(tx.connection, made.project, champion.digest)}
    return {"champion": evidence.of_champion(champion.number, known)}
