"""A bundle ready to score, whatever kind of model it holds: what `manifest.engine` says is loaded and asked."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.bundle import columns, golden, grid
from podium.bundle.engines import answer, place, registry
from podium.core import bundle


class Runtime:
    """A loaded bundle. Give it a folder that `read.verify` has passed; `close` it when nothing will ask it again."""

    def __init__(self, folder: Path, manifest: bundle.Manifest, where: place.Place | None = None) -> None:
        self.manifest = manifest
        self.model = registry.load(folder, manifest, where or place.Place())
        self.blocking = self.model.blocking
        self.patience = self.model.patience
        self.row_seconds = 0.0
        """What each of the golden rows took when they were asked last."""
        self._folder = folder
        self._classes = len(manifest.signature.labels)
        self.order = grid.order(manifest.signature)
        model = self.model
        self._restarting = model if isinstance(model, registry.Restarts) else None
        self._direct = model if isinstance(model, registry.TakesGrid) and _orderly(model, self.order) else None

    @property
    def ready(self) -> bool:
        """Whether the model can answer now, as far as is known without asking it."""
        return self.model.ready

    @property
    def restarts(self) -> int | None:
        """How often the model's process was started again; None where it has none of its own."""
        return None if self._restarting is None else self._restarting.restarts

    def predict_grid(self, rows: grid.Grid) -> npt.NDArray[np.float64]:
        """As `predict`, of rows in the signature's order."""
        count = len(rows.numbers)
        if count == 0:
            return np.empty(answer.shape(0, self._classes), dtype=np.float64)
        if self._direct is not None:
            return answer.exact(self._direct.predict_grid(rows), count, self._classes)
        return answer.exact(self.model.predict(grid.split(self.order, rows)), count, self._classes)

    def predict(self, table: columns.Columns) -> npt.NDArray[np.float64]:
        """Scores [n] (binary: probability of the positive class; regression: the value; of several classes the
        probability of each [n, classes]).

        `Unavailable` when the model cannot be asked now, `Invalid` when it fails on the rows, or does not give float64
        of that shape (other numbers are made float64). Where `blocking` is true it waits for another process or
        machine, up to the time limit that the bundle names: call it off an event loop.
        """
        count = columns.count(table)
        if count == 0:
            return np.empty(answer.shape(0, self._classes), dtype=np.float64)
        return answer.exact(self.model.predict(table), count, self._classes)

    def check_golden(self) -> float:
        """The largest difference on the golden rows; `Refused` over the tolerance. It also warms the model up, and
        tells what a row takes."""
        timed = _Timed(self.predict)
        found = golden.check(self._folder, self.manifest, timed.predict)
        self.row_seconds = timed.seconds / max(timed.rows, 1)
        return found

    def golden_rows(self) -> columns.Columns:
        """The rows of real data that the bundle was proven on."""
        return golden.read(self._folder, self.manifest.signature)[0]

    def close(self) -> None:
        """End what the engine started."""
        self.model.close()


class _Timed:
    """Predicts, and adds up how long for how many rows."""

    def __init__(self, predict: Callable[[columns.Columns], npt.NDArray[np.float64]]) -> None:
        self._predict = predict
        self.seconds = 0.0
        self.rows = 0

    def predict(self, table: columns.Columns) -> npt.NDArray[np.float64]:
        begun = time.perf_counter()
        found = self._predict(table)
        self.seconds += time.perf_counter() - begun
        self.rows += columns.count(table)
        return found


def _orderly(model: registry.TakesGrid, places: grid.Order) -> bool:
    """Whether the model file's columns stand in the signature's order."""
    return (model.layout.numbers, model.layout.texts) == (places.numbers, places.texts)


def check_golden(folder: Path, manifest: bundle.Manifest, where: place.Place | None = None) -> float:
    """The largest absolute difference between the golden rows' expected scores and those of the model there."""
    loaded = Runtime(folder, manifest, where)
    try:
        return golden.difference(folder, manifest, loaded.predict)
    finally:
        loaded.close()
