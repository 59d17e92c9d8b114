"""Tree ensembles as they were trained, by Treelite; what comes before the trees in ONNX, in double.

A row's score never depends on the rows beside it: each row walks each tree by itself, on one thread.
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.bundle import columns, layout, read
from podium.bundle.engines import answer, place
from podium.bundle.engines.onnx import session
from podium.bundle.engines.treelite import shape
from podium.core import bundle, engine, errors
from podium.core.errors import Invalid, Refused
from podium.core.signature import Signature

try:
    import treelite
    from treelite import frontend, gtil
except ModuleNotFoundError:
    raise errors.missing_extra("treelite", "treelite") from None


class Model:
    """Loaded trees."""

    blocking = False
    patience = math.inf
    ready = True

    def __init__(self, trees: treelite.Model, prepare: "Prepare | None", signature: Signature) -> None:
        self._trees = trees
        self._prepare = prepare
        self._layout = layout.of(signature)
        self._classes = len(signature.labels)
        self._type = np.float32 if trees.input_type == "float32" else np.float64
        width = len(self._layout.numbers) if prepare is None else None
        if prepare is None and (self._layout.texts or width != trees.num_feature):
            raise Invalid(
                f"The trees take {trees.num_feature} numbers, which are not the signature's features.", field="features"
            )

    def predict(self, table: columns.Columns) -> npt.NDArray[np.float64]:
        """Scores [n], of several classes [n, classes], of canonical columns."""
        rows = columns.count(table)
        if rows == 0:
            return np.empty((0, self._classes) if self._classes else 0, dtype=np.float64)
        inputs = layout.feed(self._layout, table)
        matrix = inputs[layout.NUMBERS] if self._prepare is None else self._prepare.run(inputs)
        if matrix.shape != (rows, self._trees.num_feature):
            raise answer.failed(f"the preprocessing gives {matrix.shape}, the trees take {self._trees.num_feature}")
        try:
            found = gtil.predict(self._trees, np.ascontiguousarray(matrix, dtype=self._type), nthread=1)
        except treelite.TreeliteError as problem:
            raise answer.failed(problem) from problem
        scores = np.asarray(found, dtype=np.float64).reshape(rows, -1)
        if not self._classes:
            return scores[:, -1]
        if scores.shape[1] != self._classes:
            raise Refused("The trees do not know exactly the classes of the signature.", field="engine")
        return scores

    def close(self) -> None:
        """Nothing to end: the trees go with their last reference."""


class Prepare:
    """The preprocessing in ONNX: the layout's inputs to one matrix."""

    def __init__(self, model: bytes) -> None:
        self._session = session.session(model)

    def run(self, inputs: dict[str, npt.NDArray[np.generic]]) -> npt.NDArray[np.float64]:
        """The trees' features, float64 [n, k]."""
        found = session.run(self._session, [layout.SCORE], inputs)[0]
        if not isinstance(found, np.ndarray) or found.dtype.kind not in answer.NUMBERS:
            raise answer.failed("the preprocessing gives no numbers")
        return found


def open_trees(path: Path, form: str) -> treelite.Model:
    """The trees in a file; `Refused` when they are none."""
    try:
        if form == "treelite":
            return treelite.Model.deserialize(path)
        if form == "lightgbm":
            return frontend.load_lightgbm_model(path)
        return frontend.load_xgboost_model(path, format_choice="json" if form == "xgboost-json" else "ubjson")
    except treelite.TreeliteError as problem:
        raise Refused("The engine cannot load these trees.", field="engine.model") from problem


def make(folder: Path, spec: engine.Treelite, signature: Signature) -> Model:
    """The model in a folder."""
    trees = open_trees(folder / read.check_path(spec.model), spec.format)
    shape.check(trees)
    before = Prepare((folder / read.check_path(spec.preprocessing)).read_bytes()) if spec.preprocessing else None
    return Model(trees, before, signature)


def load(folder: Path, manifest: bundle.Manifest, where: place.Place) -> Model:
    """The model of a verified bundle."""
    spec = engine.decode((folder / bundle.ENGINE).read_bytes())
    if not isinstance(spec, engine.Treelite):
        raise Invalid("The bundle's engine.json is of another engine.", field="engine")
    return make(folder, spec, manifest.signature)
