"""Making a rollout ready to be served from: its bundles verified, loaded and proven."""

from collections.abc import Callable
from pathlib import Path

from podium.bundle import read
from podium.bundle.runtime import Runtime
from podium.core import bundle, digest, rollout
from podium.core.errors import Refused
from podium.scoring import engine, proof, trust
from podium.scoring.log import rows


def load(
    document: rollout.Rollout,
    folder_of: Callable[[str], Path],
    keys: trust.Keys,
    limits: proof.Limits,
    proofs: proof.Proofs,
) -> engine.Loaded:
    """Verify, load and prove every route's bundle; `Refused` on the first that fails. `folder_of`: by digest."""
    runtimes: dict[str, Runtime] = {}
    live = []
    for route in document.routes:
        if route.digest not in runtimes:
            folder = folder_of(digest.check(route.digest))
            runtimes[route.digest] = _runtime(document, folder, route.digest, limits, proofs)
        _check_deciding(route, runtimes[route.digest].manifest)
        live.append(serving(document, route, runtimes[route.digest]))
    if len({each.runtime.manifest.signature.labels for each in live}) > 1:
        raise Refused("The versions of this rollout do not tell the same classes in the same order.", field="classes")
    return engine.Loaded(document, live, keys)


def _runtime(
    document: rollout.Rollout, folder: Path, named: str, limits: proof.Limits, proofs: proof.Proofs
) -> Runtime:
    manifest = read.verify(folder, named)
    _check_manifest(document, manifest)
    proof.check_size(manifest, limits)
    proofs.prove(folder, named, limits)
    runtime = Runtime(folder, manifest)
    runtime.check_golden()
    read.verify(folder, named)  # what was loaded is what was verified: nobody changed it in between
    return runtime


def _check_manifest(document: rollout.Rollout, manifest: bundle.Manifest) -> None:
    if (manifest.project, manifest.model) != (document.project, document.model):
        raise Refused("The bundle is of another model than the rollout says.", field="model")


def _check_deciding(route: rollout.Route, manifest: bundle.Manifest) -> None:
    """People approved the bundle, and with it where it decides and what it refers to people."""
    if route.threshold != manifest.threshold:
        raise Refused("The rollout decides by another threshold than the approved bundle.", field="threshold")
    if route.review != manifest.band:
        raise Refused("The rollout refers other scores to people than the approved bundle.", field="review")


def serving(document: rollout.Rollout, route: rollout.Route, runtime: Runtime) -> engine.Live:
    """A route of that rollout with its loaded bundle."""
    source = rows.Source(
        endpoint=document.endpoint,
        model=document.model,
        version=route.version,
        digest=route.digest,
        role=route.role.value,
        rollout=document.number,
        threshold=route.threshold,
        signature=runtime.manifest.signature,
        review=route.review,
    )
    return engine.Live(route, runtime, source)
