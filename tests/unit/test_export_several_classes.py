"""A model of several classes answers as the original does, class by class, whatever the batch, or is refused."""

from typing import Any

import lightgbm
import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import treelite
from sklearn import (
    base,
    calibration,
    compose,
    discriminant_analysis,
    ensemble,
    impute,
    linear_model,
    model_selection,
    naive_bayes,
    neural_network,
    pipeline,
    preprocessing,
    tree,
)

from podium.bundle import columns, golden, grid, layout
from podium.bundle.engines.onnx import session
from podium.bundle.engines.treelite import model as treelite_model
from podium.bundle.export import ensembles, frame
from podium.bundle.export import onnx as export
from podium.core.errors import Invalid, Refused
from podium.core.signature import Field, FieldType, Signature, Task

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
LABELS = ("setosa", "versicolor", "virginica", "none of them")
ROWS = 900
SIGNATURE = Signature(
    features=(
        Field(name="length", type=FieldType.NUMBER),
        Field(name="width", type=FieldType.NUMBER),
        Field(name="petals", type=FieldType.INTEGER),
        Field(name="soil", type=FieldType.TEXT),
    ),
    task=Task.MULTICLASS,
    key="id",
    target="kind",
    classes=LABELS,
)


def rows() -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Flowers of four kinds with nulls and one decimal (so that thresholds matter); the kind as its number."""
    chance = np.random.default_rng(4)
    length, width = np.round(chance.normal(5, 2, ROWS), 1), np.round(chance.normal(3, 1, ROWS), 1)
    petals = chance.integers(3, 9, ROWS).astype(float)
    soil = np.array(["clay", "sand", "peat"], dtype=object)[chance.integers(0, 3, ROWS)]
    sums = np.column_stack([length, 2 * width, petals + 2 * (soil == "peat"), np.full(ROWS, 4.0)])
    kind = (sums + chance.gumbel(0, 1, sums.shape)).argmax(axis=1).astype(np.float64)
    arrays: dict[str, Any] = {"length": length, "width": width, "petals": petals, "soil": soil}
    for name, array in arrays.items():
        array[chance.random(ROWS) < 0.05] = None if name == "soil" else np.nan
    return frame.frame(SIGNATURE, columns.from_numpy(SIGNATURE, arrays)), kind


TABLE, KIND = rows()
NUMBERS = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), preprocessing.StandardScaler())
BEFORE = compose.ColumnTransformer(
    [
        ("n", NUMBERS, ["length", "width", "petals"]),
        ("t", preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["soil"]),
    ]
)
LOGISTIC = linear_model.LogisticRegression()
OURS: dict[str, Any] = {
    "logistic": LOGISTIC,
    "logistic by search": model_selection.GridSearchCV(LOGISTIC, {"C": [0.1, 1.0]}, cv=2),
    "logistic with folds": linear_model.LogisticRegressionCV(Cs=2, cv=2, use_legacy_attributes=False),
    "tree": tree.DecisionTreeClassifier(max_depth=6, random_state=0),
    "extra tree": tree.ExtraTreeClassifier(max_depth=6, random_state=0),
    "forest": ensemble.RandomForestClassifier(15, random_state=0),
    "extra trees": ensemble.ExtraTreesClassifier(10, random_state=0),
    "boosting": ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0),
    "boosting from nothing": ensemble.GradientBoostingClassifier(n_estimators=8, init="zero", random_state=0),
    "histogram": ensemble.HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=8, verbose=-1),
    "lightgbm forest": lightgbm.LGBMClassifier(
        n_estimators=8, boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, verbose=-1
    ),
    "calibrated": calibration.CalibratedClassifierCV(LOGISTIC, cv=2),
    "calibrated isotonic": calibration.CalibratedClassifierCV(
        ensemble.RandomForestClassifier(5, random_state=0), cv=2, method="isotonic"
    ),
    "vote": ensemble.VotingClassifier(
        [("a", LOGISTIC), ("b", tree.DecisionTreeClassifier(max_depth=4))], voting="soft", weights=[1, 3]
    ),
}
OTHERS: dict[str, Any] = {
    "network": neural_network.MLPClassifier((6,), max_iter=80, random_state=0),
    "bayes": naive_bayes.GaussianNB(),
    "discriminant": discriminant_analysis.LinearDiscriminantAnalysis(),
}


def fitted(last: Any, target: Any = KIND) -> Any:
    return base.clone(pipeline.make_pipeline(BEFORE, last)).fit(TABLE[:700], target[:700])


def proven(model: Any) -> export.Exported:
    made = export.export(model, SIGNATURE, TABLE)
    scorer = session.Scorer(made.model)
    table = frame.table(SIGNATURE, TABLE)
    whole = scorer.predict(table)
    assert whole.shape == (ROWS, 4)
    np.testing.assert_allclose(whole.sum(axis=1), 1.0, atol=1e-9)
    assert scorer.predict_grid(grid.of(grid.order(SIGNATURE), table)).tobytes() == whole.tobytes()
    for size in (1, 7, 50):
        parts = [scorer.predict(columns.take(table, slice(at, at + size))) for at in range(0, ROWS, size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes(), size
    return made


@pytest.mark.parametrize("name", OURS)
def test_the_double_recipe_answers_class_by_class_to_the_last_digits(name: str) -> None:
    model = fitted(OURS[name])
    made = proven(model)
    assert made.parity.recipe == "double-preprocessing+double-model"
    assert made.parity.rows == ROWS
    assert made.parity.max_abs_error <= 1e-13
    np.testing.assert_array_equal(made.expected, model.predict_proba(TABLE))


@pytest.mark.parametrize("name", OTHERS)
def test_what_we_do_not_know_goes_through_skl2onnx(name: str) -> None:
    made = proven(fitted(OTHERS[name]))
    assert made.parity.recipe == "skl2onnx-double"
    assert made.parity.max_abs_error <= 1e-9


@pytest.mark.parametrize("last", [LOGISTIC, naive_bayes.GaussianNB()], ids=["ours", "skl2onnx"])
def test_probabilities_come_in_the_order_of_the_project_file(last: Any) -> None:
    """A model that was fitted on the labels has its classes in the order of the alphabet."""
    model = fitted(last, np.array(LABELS)[KIND.astype(int)])
    made = proven(model)
    by_label = dict(zip(model.classes_, model.predict_proba(TABLE).T, strict=True))
    np.testing.assert_array_equal(made.expected, np.column_stack([by_label[label] for label in LABELS]))


def test_golden_rows_hold_a_probability_for_each_class() -> None:
    model = fitted(LOGISTIC)
    table = columns.take(frame.table(SIGNATURE, TABLE), slice(0, 50))
    expected = model.predict_proba(TABLE[:50])
    data = golden.encode(SIGNATURE, table, expected)
    _, found = golden.decode(SIGNATURE, data)
    assert found.tobytes() == expected.tobytes()
    assert golden.encode(SIGNATURE, table, expected) == data


TREES: dict[str, Any] = {name: OURS[name] for name in ("forest", "extra trees", "boosting", "histogram", "lightgbm")}


@pytest.mark.parametrize("name", TREES)
def test_trees_for_treelite_tell_each_class(name: str) -> None:
    """What trains in single precision where ONNX does not answer the same; its leaves are single there."""
    model = fitted(TREES[name])
    form = ensembles.build(model, layout.of(SIGNATURE), list(model.feature_names_in_), binary=False)
    loaded = treelite_model.Model(
        treelite.Model.deserialize_bytes(form.trees), treelite_model.Prepare(form.preprocessing), SIGNATURE
    )
    found = loaded.predict(frame.table(SIGNATURE, TABLE))
    assert found.shape == (ROWS, 4)
    np.testing.assert_allclose(found, model.predict_proba(TABLE), atol=1e-6)
    assert loaded.predict(columns.take(frame.table(SIGNATURE, TABLE), slice(0, 0))).shape == (0, 4)
    two = msgspec.structs.replace(SIGNATURE, classes=LABELS[:3])
    with pytest.raises(Refused, match="exactly the classes"):
        treelite_model.Model(
            treelite.Model.deserialize_bytes(form.trees), treelite_model.Prepare(form.preprocessing), two
        ).predict(frame.table(SIGNATURE, TABLE))


def test_a_model_that_lacks_a_class_is_refused() -> None:
    with pytest.raises(Invalid, match="exactly the classes"):
        export.export(fitted(LOGISTIC, np.minimum(KIND, 2.0)), SIGNATURE, TABLE)


def test_one_class_over_the_tolerance_refuses_the_export() -> None:
    with pytest.raises(Refused, match="answers as the original"):
        export.export(fitted(_Leaning()), SIGNATURE, TABLE)


class _Leaning(linear_model.LogisticRegression):  # type: ignore[misc]
    """Says something else of a row than its weights do."""

    def predict_proba(self, rows: Any) -> Any:
        found = super().predict_proba(rows)
        found[3, 1] += 1e-4
        return found
