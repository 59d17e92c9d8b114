"""Explaining a bundle's answers: what each feature added to the score, exactly where the bundle says how."""

import enum
import importlib
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from podium.bundle import columns, golden, layout
from podium.bundle.explain import estimate, paths, shapley, table
from podium.bundle.explain.table import Doubles
from podium.core import bundle, explanation
from podium.core.errors import Invalid, Refused

SUM_TOLERANCE = 1e-9
"""How far contributions may be from the model's own sum, relative to the size of what is added."""
_BLOCK_ROWS = 64


class Links(enum.StrEnum):
    """From the scale in which contributions add up to the score."""

    PROBABILITY = "probability"
    LOG_ODDS = "log-odds"
    LOG = "log"
    TARGET = "target"


class Model(Protocol):
    """Anything that scores canonical columns: the bundle's runtime."""

    manifest: bundle.Manifest

    def predict(self, table: columns.Columns) -> Doubles:
        """Scores [n]."""
        ...


class Unscored(Invalid):
    """The model has no answer for a row, so there is nothing to explain."""

    def __init__(self, row: int) -> None:
        super().__init__(
            f"The model has no answer for row {row}.",
            field="score",
            fix="Send the features that are null, or less extreme ones.",
        )
        self.row = row


class Contributions(NamedTuple):
    """Of n rows: what each feature added [n, features], from where [n], the sum [n], the errors of an estimate."""

    values: Doubles
    base: Doubles
    margin: Doubles
    errors: Doubles | None


def score_of(scale: str, margin: Doubles) -> Doubles:
    """The scores of sums on that scale."""
    if scale == Links.LOG_ODDS:
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + np.exp(-margin)), dtype=np.float64)
    return np.asarray(np.exp(margin), dtype=np.float64) if scale == Links.LOG else margin


class Native:
    """Contributions from the bundle's own trees or weights."""

    def __init__(self, encoder: bytes, data: bytes, features: tuple[str, ...]) -> None:
        self._encoder = session(encoder)
        self.about, self._body = table.decode(data)
        described = self._encoder.get_modelmeta().custom_metadata_map.get(layout.KEY, "")
        self._columns = msgspec.json.decode(described, type=layout.Layout)
        if not set(self.about.origins) <= set(features):
            raise Refused("The explanation names features that the model has not.", field=table.FILE)
        place = {name: at for at, name in enumerate(features)}
        self._groups = np.zeros((len(self.about.origins), len(features)))
        self._groups[np.arange(len(self.about.origins)), [place[name] for name in self.about.origins]] = 1.0
        self._paths = paths.of(self._body) if isinstance(self._body, table.Nodes) else []
        self._expected = paths.expected(self._body) if isinstance(self._body, table.Nodes) else 0.0

    @property
    def steps(self) -> int:
        """Features on paths, over all trees: what the work for a row grows with."""
        return sum(len(each.feature) for each in self._paths)

    def explain(self, rows: columns.Columns) -> Contributions:
        """Contributions of each row's features; a one-hot feature's columns are summed."""
        matrix = self.matrix(rows)
        if isinstance(self._body, table.Linear):
            start = self.about.start + float(self._body.weights @ self._body.means)
            found = self._body.weights * (matrix - self._body.means)
            margin = self.about.start + matrix @ self._body.weights
        else:
            start = self.about.start + self._expected
            found = shapley.contributions(self._body, self._paths, matrix)
            margin = self.about.start + shapley.sums(self._body, matrix)
        self._check_sum(found, start, margin)
        return Contributions(found @ self._groups, np.full(len(matrix), start), margin, None)

    def matrix(self, rows: columns.Columns) -> Doubles:
        """The matrix [n, k] that the trees or weights take."""
        return encode(self._encoder, self._columns, rows)

    def _check_sum(self, found: Doubles, start: float, margin: Doubles) -> None:
        size = np.abs(found).sum(axis=1) + abs(start) + 1.0
        wrong = np.abs(found.sum(axis=1) + start - margin) / size
        if len(wrong) and not wrong.max() <= SUM_TOLERANCE:
            raise Refused(f"The contributions do not add up: they are {wrong.max():.3g} off.", field=table.FILE)


class Explainer:
    """Explains the answers of a bundle: natively where it can, else by an estimate that says so."""

    def __init__(self, folder: Path, model: Model) -> None:
        self._model = model
        self._manifest = model.manifest
        self._folder = folder
        self._features = tuple(field.name for field in model.manifest.signature.features)
        self._native = native(folder, model.manifest)
        self._background: columns.Columns | None = None
        if self._native is not None:
            check(folder, model.manifest, self._native)

    def explain(self, rows: columns.Columns, *, seed: int = estimate.SEED) -> explanation.Explained:
        """What each feature added to each row's score, which of several classes is that of the most probable one.

        `Unscored` where a row has no score.
        """
        scores, labels = self._model.predict(rows), self._manifest.signature.labels
        wrong = ~np.isfinite(scores.reshape(len(scores), -1)).all(axis=1)
        if wrong.any():
            raise Unscored(int(wrong.argmax()))
        if labels:
            return self._explain_classes(rows, scores, labels, seed)
        if self._native is None:
            found, scale, method = self._estimate(rows, seed), self._own_scale(), explanation.Method.PERMUTATIONS
        else:
            found, scale = self._native.explain(rows), self._native.about.scale
            method = explanation.Method(self._native.about.kind)
            self._check_scores(score_of(scale, found.margin), scores)
        return explanation.Explained(
            method=method,
            scale=scale,
            features=self._features,
            scores=tuple(scores.tolist()),
            base=tuple(found.base.tolist()),
            margin=tuple(found.margin.tolist()),
            contributions=tuple(tuple(row) for row in found.values.tolist()),
            errors=None if found.errors is None else tuple(tuple(row) for row in found.errors.tolist()),
        )

    def _explain_classes(
        self, rows: columns.Columns, chances: Doubles, labels: tuple[str, ...], seed: int
    ) -> explanation.Explained:
        """By an estimate of the one probability that is each row's score."""
        places = chances.argmax(axis=1)
        found = self._estimate(rows, seed, places)
        return explanation.Explained(
            method=explanation.Method.PERMUTATIONS,
            scale=Links.PROBABILITY,
            features=self._features,
            scores=tuple(chances.max(axis=1).tolist()),
            base=tuple(found.base.tolist()),
            margin=tuple(found.margin.tolist()),
            contributions=tuple(tuple(row) for row in found.values.tolist()),
            errors=None if found.errors is None else tuple(tuple(row) for row in found.errors.tolist()),
            labels=tuple(labels[place] for place in places.tolist()),
        )

    def _check_scores(self, mine: Doubles, scores: Doubles) -> None:
        worst = float(np.abs(mine - scores).max()) if len(scores) else 0.0
        if not worst <= self._manifest.parity.tolerance:
            raise Refused(
                f"The explanation is of another score than the model's: by {worst:.3g}.",
                field=table.FILE,
                fix="Tell whoever made the model; the score itself stands.",
            )

    def _own_scale(self) -> str:
        return Links.PROBABILITY if self._manifest.signature.task == "binary" else Links.TARGET

    def _estimate(self, rows: columns.Columns, seed: int, places: npt.NDArray[np.int64] | None = None) -> Contributions:
        """`places`: of several classes which one of each row."""
        if self._background is None:
            self._background, _ = golden.read(self._folder, self._manifest.signature)
        each = [
            estimate.estimate(
                self._model.predict if places is None else self._of_class(int(places[at])),
                columns.take(rows, slice(at, at + 1)),
                self._background,
                seed=seed,
            )
            for at in range(columns.count(rows))
        ]
        values = np.array([one.values for one in each]).reshape(len(each), len(self._features))
        base = np.array([one.base for one in each])
        errors = np.array([one.errors for one in each]).reshape(values.shape)
        return Contributions(values, base, base + values.sum(axis=1), errors)

    def _of_class(self, place: int) -> estimate.Predict:
        return lambda rows: self._model.predict(rows)[:, place]


def native(folder: Path, manifest: bundle.Manifest) -> Native | None:
    """The bundle's own explanation; None when it has none."""
    named = {file.path for file in manifest.files}
    if table.FILE not in named or table.ENCODER not in named:
        return None
    features = tuple(field.name for field in manifest.signature.features)
    return Native((folder / table.ENCODER).read_bytes(), (folder / table.FILE).read_bytes(), features)


def check(folder: Path, manifest: bundle.Manifest, found: Native) -> float:
    """The largest difference between the golden rows' scores and what the contributions add up to.

    `Refused` when it is over the bundle's tolerance, or the contributions do not add up.
    """
    rows, expected = golden.read(folder, manifest.signature)
    worst = 0.0
    for start in range(0, len(expected), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        margin = found.explain(columns.take(rows, block)).margin
        worst = max(worst, float(np.abs(score_of(found.about.scale, margin) - expected[block]).max()))
    if not worst <= manifest.parity.tolerance:
        raise Refused(
            f"The contributions add up to other scores: by {worst:.3g}, allowed {manifest.parity.tolerance:.3g}.",
            field=table.FILE,
        )
    return worst


def session(encoder: bytes) -> Any:
    """The preparation's model, loaded. ONNX Runtime is imported here, as few processes explain."""
    return importlib.import_module("podium.bundle.engines.onnx.session").session(encoder)


def encode(running: Any, inputs: layout.Layout, rows: columns.Columns) -> Doubles:
    """What an encoder's session makes of rows, float64 [n, k]."""
    run = importlib.import_module("podium.bundle.engines.onnx.session").run
    return np.asarray(run(running, None, layout.feed(inputs, rows))[0], dtype=np.float64)
