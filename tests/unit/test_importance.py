"""How much features matter: the shares of their contributions, exact where they can be, else of what dealing moves."""

from typing import Any

import numpy as np
import pytest
from skl2onnx.sklapi import CastTransformer
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline

from podium.build.runs.training import importance
from podium.bundle import columns
from podium.bundle.explain import explainer, table
from podium.bundle.export import explanation, frame, onnx
from podium.core.signature import Field, FieldType, Signature, Task

NAMES = ("much", "little", "nothing")
SIGNATURE = Signature(
    features=tuple(Field(name=name, type=FieldType.NUMBER) for name in NAMES), task=Task.BINARY, key="id", target="y"
)


def rows() -> columns.Columns:
    random = np.random.default_rng(0)
    return {name: random.normal(size=2_000) for name in NAMES}


def fitted(last: Any) -> tuple[Any, columns.Columns]:
    made = rows()
    odds = 3 * made["much"] + made["little"]
    late = (np.random.default_rng(1).random(2_000) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    return make_pipeline(CastTransformer(), last).fit(frame.frame(SIGNATURE, made), late), made


def predict(estimator: Any) -> Any:
    return lambda seen: estimator.predict_proba(frame.frame(SIGNATURE, seen))[:, 1]


def never(_rows: columns.Columns) -> Any:
    raise AssertionError("An exact explanation needs no scores.")


def test_trees_have_the_shares_of_their_own_contributions() -> None:
    estimator, made = fitted(HistGradientBoostingClassifier(max_iter=20, random_state=0))
    exported = onnx.export(estimator, SIGNATURE, frame.frame(SIGNATURE, made))
    proof = explanation.Rows(made, exported.expected, exported.parity.tolerance)
    files = explanation.write(estimator, SIGNATURE, made, proof).files
    found = importance.of(never, files, made).shares
    native = explainer.Native(files[table.ENCODER], files[table.FILE], NAMES)
    oracle = np.abs(native.explain(columns.take(made, np.arange(0, 2_000, 4))).values).mean(axis=0)
    assert list(found.values()) == pytest.approx((oracle / oracle.sum()).tolist(), abs=1e-6)
    known = importance.of(never, files, made).contributions
    assert known is not None
    assert known.rows == 500
    assert list(known.means.values()) == pytest.approx(oracle.tolist())
    quiet = importance.disperse(known, files, made, np.arange(2_000) // 250)
    assert (quiet.window_rows, max(quiet.dispersions.values()) < 3.0) == (250.0, True)
    assert (7.0 <= quiet.known <= 28.0, quiet.windows) == (True, 0.0)
    moved = {**made, "much": made["much"] * np.where(np.arange(2_000) < 250, 3.0, 1.0)}
    assert importance.disperse(known, files, moved, np.arange(2_000) // 250).dispersions["much"] > 5.0
    tested = importance.disperse(known, files, made, np.arange(2_000) // 250, np.arange(1_500, 2_000))
    assert tested.windows == 2.0
    assert importance.disperse(known, files, made, None) == known
    assert importance.disperse(known, files, made, np.arange(2_000) // 1_000) == known
    assert found["much"] > 0.6 > found["little"] > found["nothing"]


def test_other_models_have_the_shares_of_what_dealing_a_feature_moves() -> None:
    estimator, made = fitted(CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=10, random_state=0), cv=2))
    found = importance.of(predict(estimator), {}, made).shares
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-5)
    assert found["much"] > 0.55 > found["little"] > found["nothing"]
    assert found == importance.of(predict(estimator), {}, made).shares


def test_where_nothing_moves_a_score_nothing_is_said() -> None:
    assert importance.of(lambda seen: np.full(columns.count(seen), 0.5), {}, rows()) == importance.Importance({})
    assert importance.of(lambda seen: np.full(columns.count(seen), np.nan), {}, rows()) == importance.Importance({})
