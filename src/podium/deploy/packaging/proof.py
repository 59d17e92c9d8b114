"""Make a bundle of a run's artifacts, and prove in this process that it answers as the original model did."""

from pathlib import Path

import msgspec

from podium.bundle import read, runtime, write
from podium.bundle.explain import explainer, table
from podium.core import bundle, run
from podium.core.errors import PodiumError, Refused

FILES = (bundle.MODEL, bundle.GOLDEN, bundle.REFERENCE)
OPTIONAL = (table.ENCODER, table.FILE)
"""Files of a run that go into its bundle where it left them: how its scores come about."""


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle, and its largest difference on the golden rows; `refusal` says why it may not be registered, if so."""

    digest: str
    manifest: bundle.Manifest
    difference: float
    refusal: str | None = None
    explanation: float | None = None
    """Where the bundle tells how its scores come about: how far, at most, contributions are from adding up to them."""


def describe(item: run.Run, result: run.Result) -> bundle.Manifest:
    """The manifest of a run's bundle, its files still to be named. The same run always gives the same one."""
    try:
        parity = msgspec.convert(result.parity, bundle.Parity)
    except msgspec.ValidationError:
        raise Refused("The run holds no proof that its exported form answers as the model.", field="run") from None
    return bundle.Manifest(
        project=item.project,
        model=item.model,
        engine=result.engine,
        signature=result.signature,
        threshold=result.threshold,
        files=(),
        parity=parity,
        run=item.id,
        dataset=item.dataset,
        source=item.code.source_digest,
        created_us=item.finished_us or item.created_us,
        review=msgspec.UNSET if result.review is None else result.review,
    )


def files_of(result: run.Result) -> tuple[str, ...]:
    """The artifacts that go into the bundle. `Refused` when one that it cannot do without is not there."""
    onnx = result.engine is bundle.Engine.ONNX
    for needed in FILES if onnx else (bundle.ENGINE, bundle.GOLDEN, bundle.REFERENCE):
        if needed not in result.files:
            raise Refused(f"The run left no {needed}.", field="run", fix="Train again.")
    return (*FILES, *(path for path in OPTIONAL if path in result.files)) if onnx else tuple(sorted(result.files))


def prove(folder: Path, manifest: bundle.Manifest, files: dict[str, bytes]) -> Proven:
    """Write the bundle, verify every byte of it, and compare its answers on the golden rows with those expected."""
    name, _ = write.write(folder, manifest, files)
    sealed = read.verify(folder, name)
    parity = sealed.parity
    difference = runtime.check_golden(folder, sealed)
    refusal = None
    if not parity.max_abs_error <= parity.tolerance:
        refusal = f"Training measured a difference of {parity.max_abs_error:.3g}; {parity.tolerance:.3g} is allowed."
    if not difference <= parity.tolerance:
        refusal = f"It differs on its golden rows by {difference:.3g}; {parity.tolerance:.3g} is allowed."
    off = None
    try:
        off = _explained(folder, sealed)
    except PodiumError as problem:
        refusal = refusal or f"Its explanation does not hold. {problem.message}"
    return Proven(digest=name, manifest=sealed, difference=difference, refusal=refusal, explanation=off)


def _explained(folder: Path, sealed: bundle.Manifest) -> float | None:
    found = explainer.native(folder, sealed)
    return None if found is None else explainer.check(folder, sealed, found)
