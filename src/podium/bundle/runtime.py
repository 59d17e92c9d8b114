"""A bundle ready to score, whatever kind of model it holds: what `manifest.engine` says is loaded and asked."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.bundle import columns, golden
from podium.bundle.engines import place, registry
from podium.core import bundle


class Runtime:
    """A loaded bundle. Give it a folder that `read.verify` has passed; `close` it when nothing will ask it again."""

    def __init__(self, folder: Path, manifest: bundle.Manifest, where: place.Place | None = None) -> None:
        self.manifest = manifest
        self.model = registry.load(folder, manifest, where or place.Place())
        self.blocking = self.model.blocking
        self._folder = folder

    def predict(self, table: columns.Columns) -> npt.NDArray[np.float64]:
        """Scores [n] (binary: probability of the positive class; regression: the value).

        `Unavailable` when the model cannot be asked now. Where `blocking` is true it waits for another process or
        machine, up to the time limit that the bundle names: call it off an event loop.
        """
        return self.model.predict(table)

    def check_golden(self) -> float:
        """The largest difference on the golden rows; `Refused` over the tolerance. It also warms the model up."""
        return golden.check(self._folder, self.manifest, self.predict)

    def close(self) -> None:
        """End what the engine started."""
        self.model.close()


def check_golden(folder: Path, manifest: bundle.Manifest, where: place.Place | None = None) -> float:
    """The largest absolute difference between the golden rows' expected scores and those of the model there."""
    loaded = Runtime(folder, manifest, where)
    try:
        return golden.difference(folder, manifest, loaded.predict)
    finally:
        loaded.close()
