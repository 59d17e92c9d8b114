"""Making a rollout ready to be served from: its bundles verified, loaded and proven."""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from podium.bundle import read
from podium.bundle.runtime import Runtime
from podium.core import bundle, digest, rollout
from podium.core.errors import PodiumError, Refused
from podium.scoring import engine, proof, trust
from podium.scoring.log import rows


class Change(NamedTuple):
    """What an endpoint changes from, and who is told how far it is."""

    before: engine.Loaded | None = None
    """A process of its that runs the same bundle goes on with the new rollout."""
    proven: Callable[[], None] = lambda: None
    """Called each time when a bundle has proved itself elsewhere, and is now loaded here."""


def load(
    document: rollout.Rollout,
    folder_of: Callable[[str], Path],
    keys: trust.Keys,
    limits: proof.Limits,
    proofs: proof.Proofs,
    change: Change | None = None,
) -> engine.Loaded:
    """Verify, load and prove every route's bundle; `Refused` on the first that fails. `folder_of`: by digest."""
    before, proven = change or Change()
    runtimes: dict[str, Runtime] = {}
    try:
        live = []
        for route in document.routes:
            if route.digest not in runtimes:
                folder = folder_of(digest.check(route.digest))
                manifest = _verified(document, folder, route.digest, limits)
                running = _running(before, route.digest)
                if running is None:
                    proofs.prove(folder, route.digest, limits)
                    proven()
                    running = Runtime(folder, manifest)
                runtimes[route.digest] = running
                running.check_golden()
                read.verify(folder, route.digest)  # what was loaded is what was verified: nobody changed it in between
            _check_deciding(route, runtimes[route.digest].manifest)
            live.append(serving(document, route, runtimes[route.digest]))
        if len({each.runtime.manifest.signature.labels for each in live}) > 1:
            raise Refused(
                "The versions of this rollout do not tell the same classes in the same order.", field="classes"
            )
        return engine.Loaded(document, live, keys)
    except BaseException:
        close(runtimes.values(), before)
        raise


def close(runtimes: Iterable[Runtime], kept: engine.Loaded | None) -> None:
    """End what some runtimes started, but for those that another rollout serves from."""
    serving_on = set() if kept is None else {id(each.runtime) for each in kept.live}
    for runtime in {id(each): each for each in runtimes if id(each) not in serving_on}.values():
        runtime.close()


def _verified(document: rollout.Rollout, folder: Path, named: str, limits: proof.Limits) -> bundle.Manifest:
    manifest = read.verify(folder, named)
    _check_manifest(document, manifest)
    proof.check_size(manifest, limits)
    return manifest


def _running(before: engine.Loaded | None, named: str) -> Runtime | None:
    """The same bundle in a process that answers now, if what serves now has one."""
    for each in () if before is None else before.live:
        if each.route.digest == named and each.runtime.blocking:
            with contextlib.suppress(PodiumError):  # one that is in trouble is started anew
                each.runtime.check_golden()
                return each.runtime
    return None


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
