"""The model that is served: impute, scale, one-hot, 100 trees, on generated rows; the same for the same seed."""

import functools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from podium.bundle import columns, golden
from podium.core import bundle, reference
from podium.core.errors import missing_extra
from podium.core.signature import Field, FieldType, Signature, Task

try:
    import pandas as pd
    from sklearn import compose, ensemble, impute, pipeline, preprocessing

    from podium.bundle.export import frame
    from podium.bundle.export import onnx as export
except ImportError as missing:
    raise missing_extra("train", missing.name or "scikit-learn") from None

SEED = 20_130_101
FEATURES = 24
TREES = 100
_ROWS = 3000
_NULLS = 0.03
_WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll", "larch")


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted pipeline and its exported form, with rows that it was not trained on and the original's answers."""

    estimator: Any
    signature: Signature
    onnx: bytes
    parity: bundle.Parity
    rows: Any
    """A pandas table; nulls only in numbers."""
    expected: npt.NDArray[np.float64]
    files: dict[str, bytes]
    """Of the bundle."""
    engine: bundle.Engine = bundle.Engine.ONNX

    def values(self, start: int, count: int) -> dict[str, list[Any]]:
        """Rows as JSON values by feature, null as None; goes round at the end."""
        index = np.arange(start, start + count) % len(self.rows)
        table = columns.take(frame.table(self.signature, self.rows), index)
        return {field.name: columns.to_values(field, table[field.name]) for field in self.signature.features}

    def answers(self, start: int, count: int) -> npt.NDArray[np.float64]:
        """What those rows must be answered. [count]"""
        found: npt.NDArray[np.float64] = self.expected[np.arange(start, start + count) % len(self.rows)]
        return found


def signature(features: int) -> Signature:
    """Of every twelve features eight are numbers, one is whole and three are text."""
    kinds = [FieldType.TEXT if at % 4 == 3 else FieldType.INTEGER if at % 12 == 0 else FieldType.NUMBER
             for at in range(features)]  # fmt: skip
    return Signature(
        features=tuple(
            Field(name=f"{kind.value}_{at}", type=kind, nullable=kind is FieldType.NUMBER)
            for at, kind in enumerate(kinds)
        ),
        task=Task.BINARY,
        key="row",
        target="bought",
    )


@functools.cache
def make(features: int = FEATURES, seed: int = SEED) -> Model:
    """Generate rows, train, export and prove the export on all rows. Takes seconds."""
    chooser = np.random.default_rng(seed)
    made = signature(features)
    rows = _rows(made, chooser)
    train, held = rows.iloc[: _ROWS // 2], rows.iloc[_ROWS // 2 :].reset_index(drop=True)
    fitted = _pipeline(made, seed).fit(train, _target(made, train, chooser))
    exported = export.export(fitted, made, held)
    table = frame.table(made, held)
    chosen = golden.choose(made, table)
    return Model(
        estimator=fitted,
        signature=made,
        onnx=exported.model,
        parity=exported.parity,
        rows=held,
        expected=exported.expected,
        files={
            bundle.MODEL: exported.model,
            bundle.GOLDEN: golden.encode(made, columns.take(table, chosen), exported.expected[chosen]),
            bundle.REFERENCE: msgspec.json.encode(_reference(exported.expected)),
        },
    )


def _rows(made: Signature, chooser: np.random.Generator) -> "pd.DataFrame":
    given: dict[str, Any] = {}
    for at, field in enumerate(made.features):
        if field.type is FieldType.TEXT:
            words = np.array(_WORDS[: 3 + at % 10], dtype=object)
            given[field.name] = pd.Series(chooser.choice(words, _ROWS), dtype=object)
        elif field.type is FieldType.INTEGER:
            given[field.name] = chooser.integers(0, 500, _ROWS).astype(np.float64)
        else:
            values = np.round(chooser.normal(10.0 * (at % 7), 1.0 + at % 5, _ROWS), 4)
            given[field.name] = np.where(chooser.random(_ROWS) < _NULLS, np.nan, values)
    return pd.DataFrame(given)


def _target(made: Signature, rows: "pd.DataFrame", chooser: np.random.Generator) -> npt.NDArray[np.int64]:
    """Depends on half a dozen features, with noise."""
    logit = chooser.normal(0.0, 0.7, len(rows))
    for at, field in enumerate(made.features[:8]):
        column = rows[field.name]
        if field.type is FieldType.TEXT:
            logit += np.where(column.isin(_WORDS[:2]), 0.8, -0.4)
        else:
            filled = column.fillna(column.median())
            logit += (-1) ** at * 0.6 * ((filled - filled.mean()) / filled.std()).to_numpy()
    return (logit > 0).astype(np.int64)


def _pipeline(made: Signature, seed: int) -> Any:
    text = [field.name for field in made.features if field.type is FieldType.TEXT]
    numbers = [field.name for field in made.features if field.type is not FieldType.TEXT]
    scaled = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), preprocessing.StandardScaler())
    encoded = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return pipeline.Pipeline(
        [
            ("prepare", compose.ColumnTransformer([("numbers", scaled, numbers), ("text", encoded, text)])),
            (
                "trees",
                ensemble.GradientBoostingClassifier(
                    n_estimators=TREES, max_depth=4, max_features="sqrt", random_state=seed
                ),
            ),
        ]
    )


def _reference(scores: Sequence[float] | npt.NDArray[np.float64]) -> reference.Reference:
    found = np.asarray(scores)
    return reference.Reference(
        rows=len(found),
        numeric={},
        categorical={},
        score=reference.NumericReference(
            edges=(0.5,),
            counts=(int((found <= 0.5).sum()), int((found > 0.5).sum())),
            nulls=0,
            minimum=float(found.min()),
            maximum=float(found.max()),
            mean=float(found.mean()),
            deviation=float(found.std()),
        ),
        metrics={},
        cost_per_row=None,
    )
