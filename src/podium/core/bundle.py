"""The deployable form of a version: a folder of plain files and `manifest.json`, addressed by its digest."""

import enum

import msgspec

from podium.core import signature
from podium.core.errors import Refused
from podium.core.review import Band


class Engine(enum.StrEnum):
    """What executes the model. All but `onnx` and `treelite` run in another process, or on another machine."""

    ONNX = "onnx"
    TREELITE = "treelite"
    PYTHON = "python"
    R = "r"
    PMML = "pmml"
    EXTERNAL = "external"


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a bundle."""

    path: str
    digest: str
    bytes: int


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """The proof that the exported form answers as the original does, measured on real rows."""

    rows: int
    max_abs_error: float
    tolerance: float
    recipe: str
    """Which export recipe gave this form, for example `double-preprocessing+float32-trees`."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the bundle is. Its canonical bytes name every file by digest; the bundle's digest is the manifest's."""

    format: int = 1
    project: str
    model: str
    engine: Engine
    signature: signature.Signature
    threshold: float | None
    files: tuple[File, ...]
    parity: Parity
    run: str
    dataset: str
    source: str
    created_us: int
    review: Band | msgspec.UnsetType = msgspec.UNSET
    """Scores that are referred to a person; absent: none."""

    @property
    def band(self) -> Band | None:
        return None if isinstance(self.review, msgspec.UnsetType) else self.review

    def file(self, path: str) -> File:
        return next(file for file in self.files if file.path == path)


def check(manifest: Manifest) -> None:
    """`Refused` when what it says of its answers contradicts itself: they would not agree from one protocol to another.

    A project file cannot say so; a manifest that was made otherwise can.
    """
    labels, band = manifest.signature.labels, manifest.band
    if len(set(labels)) != len(labels):
        raise Refused("The bundle lists a class twice.", field="classes", fix="List each class once.")
    if band is None:
        return
    if labels:
        raise Refused("A band of scores is of acting or not, and the bundle has several classes.", field="review")
    if manifest.threshold is None:
        raise Refused(
            "The bundle has a band of scores for review, and no threshold that decides others.", field="review"
        )
    if not band.low <= band.high:
        raise Refused("The bundle's band of scores for review ends below where it begins.", field="review")


MANIFEST = "manifest.json"
MODEL = "model.onnx"
ENGINE = "engine.json"
"""How the engine runs the model: an `engine.Spec`. A bundle for ONNX Runtime has none."""
GOLDEN = "golden.arrow"
"""Golden rows: the features and `expected` (float64 score of the original), Arrow IPC file."""
REFERENCE = "reference.json"
"""A `reference.Reference`: training distributions against which drift is measured."""
