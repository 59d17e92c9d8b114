"""Which module executes which kind of model. It is imported when a bundle of that kind is loaded, and not before."""

import importlib
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from podium.bundle import columns, grid, layout
from podium.bundle.engines import place
from podium.core import bundle, signature

MODULES = {
    bundle.Engine.ONNX: "podium.bundle.engines.onnx.model",
    bundle.Engine.TREELITE: "podium.bundle.engines.treelite.model",
    bundle.Engine.PYTHON: "podium.bundle.engines.python.model",
    bundle.Engine.R: "podium.bundle.engines.r.model",
    bundle.Engine.PMML: "podium.bundle.engines.pmml.model",
    bundle.Engine.EXTERNAL: "podium.bundle.engines.external.model",
}


BATCHES = (1, 7, 50)
BATCH_ROWS = 200


class Model(Protocol):
    """A loaded model of any kind. Thread-safe: `predict` may be called from several threads."""

    blocking: bool
    """Whether `predict` waits for another process or machine: call it off an event loop."""
    patience: float
    """Seconds that rows may wait for their turn with it; infinite where they need none."""

    @property
    def ready(self) -> bool:
        """Whether it can answer now, as far as is known without asking it: told at once."""

    def predict(self, table: columns.Columns) -> npt.NDArray[np.float64]:
        """Scores [n] of canonical columns; NaN where the model has no answer. `Unavailable` when it cannot be asked
        now (the worker died or is late, the vendor does not answer): trying again later helps."""

    def close(self) -> None:
        """Let go of everything; a call under way ends with `Unavailable`."""


@runtime_checkable
class TakesGrid(Protocol):
    """A model that takes rows as two matrices."""

    layout: layout.Layout

    def predict_grid(self, rows: grid.Grid) -> npt.NDArray[np.float64]:
        """As `predict`, of rows in the order of `layout`."""


@runtime_checkable
class Restarts(Protocol):
    """A model in a process that is started again when it has ended."""

    restarts: int
    """How often that was tried."""


@runtime_checkable
class _Prepares(Protocol):
    def prepare(self, folder: Path, where: place.Place) -> None:
        """Make what the model needs besides its files, for a later `load`."""


class _Module(Protocol):
    def load(self, folder: Path, manifest: bundle.Manifest, where: place.Place) -> Model:
        """The model of a verified bundle, ready to answer."""


def prepare(folder: Path, kind: bundle.Engine, where: place.Place) -> None:
    """Make what a model in a folder needs besides its files (its environment): `load` finds it, without network.

    Raises as `load` does when that cannot be made.
    """
    module = importlib.import_module(MODULES[kind])
    if isinstance(module, _Prepares):
        module.prepare(folder, where)


def stand_in(kind: bundle.Engine, described: signature.Signature) -> bundle.Manifest:
    """A manifest for a model that is not in a bundle yet."""
    return bundle.Manifest(
        project="",
        model="",
        engine=kind,
        signature=described,
        threshold=None,
        files=(),
        parity=bundle.Parity(rows=0, max_abs_error=0.0, tolerance=0.0, recipe=""),
        run="",
        dataset="",
        source="",
        created_us=0,
    )


def same_in_any_batch(model: Model, table: columns.Columns, sizes: tuple[int, ...] = BATCHES) -> bool:
    """Whether rows score the same, bit for bit, however they are cut up."""
    sample = columns.take(table, slice(0, BATCH_ROWS))
    whole = model.predict(sample).tobytes()
    for size in sizes:
        starts = range(0, columns.count(sample), size)
        parts = [model.predict(columns.take(sample, slice(start, start + size))) for start in starts]
        if np.concatenate(parts).tobytes() != whole:
            return False
    return True


def load(folder: Path, manifest: bundle.Manifest, where: place.Place) -> Model:
    """Load a verified bundle's model by its engine. `Unavailable` when the engine's packages are not installed."""
    module = cast("_Module", importlib.import_module(MODULES[manifest.engine]))
    return module.load(folder, manifest, where)
