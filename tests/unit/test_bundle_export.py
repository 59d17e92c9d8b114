"""An exported model answers as the original does, whatever the batch, or is refused."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from skl2onnx import sklapi
from sklearn import (
    base,
    calibration,
    compose,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    model_selection,
    naive_bayes,
    neural_network,
    pipeline,
    preprocessing,
    tree,
)

from podium.bundle import columns, golden, read, runtime, write
from podium.bundle.engines.onnx import session
from podium.bundle.export import frame
from podium.bundle.export import onnx as export
from podium.core import bundle
from podium.core.errors import Invalid, Refused
from podium.core.signature import Field, FieldType, Signature, Task

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:categorical_feature keyword:UserWarning"),
    pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning"),
]
NUMBERS = ["distance", "hour", "delay", "late"]
TEXTS = ["carrier", "origin"]
ROWS = 1200


def signature(task: Task) -> Signature:
    kinds = [FieldType.NUMBER, FieldType.INTEGER, FieldType.NUMBER, FieldType.BOOLEAN, FieldType.TEXT, FieldType.TEXT]
    fields = tuple(Field(name=name, type=kind) for name, kind in zip(NUMBERS + TEXTS, kinds, strict=True))
    return Signature(features=fields, task=task, key="id", target="y")


def rows() -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """A table with nulls everywhere, ties at one decimal (so that thresholds matter), and a target."""
    chance = np.random.default_rng(5)
    distance, delay = np.round(chance.normal(500, 200, ROWS), 1), np.round(chance.normal(0, 30, ROWS), 1)
    hour, late = chance.integers(0, 24, ROWS).astype(float), (chance.random(ROWS) < 0.3).astype(float)
    carrier = np.array([f"cé{number}" for number in chance.integers(0, 9, ROWS)], dtype=object)
    origin = np.array(["JFK", "LGA", "EWR"], dtype=object)[chance.integers(0, 3, ROWS)]
    target = delay + 20 * late + (carrier == "cé3") * 25 - (hour > 17) * 15 + chance.normal(0, 15, ROWS)
    arrays: dict[str, Any] = dict(zip(NUMBERS + TEXTS, (distance, hour, delay, late, carrier, origin), strict=True))
    for name, array in arrays.items():
        array[chance.random(ROWS) < 0.05] = None if name in TEXTS else np.nan
    return frame.frame(signature(Task.BINARY), columns.from_numpy(signature(Task.BINARY), arrays)), target


TABLE, TARGET = rows()


def unseen() -> pd.DataFrame:
    """Rows with a category never seen, with nothing but nulls, and with extremes."""
    table = TABLE.copy()
    table.loc[3, "carrier"] = "never seen"
    table.loc[4, TEXTS] = np.nan
    table.loc[5, NUMBERS] = np.nan
    table.loc[6, "delay"] = 1e9
    return table


ONE_HOT = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
ORDINAL = preprocessing.OrdinalEncoder(
    handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
)


def steps(*numeric: Any, text: Any = ONE_HOT) -> Any:
    numbers = pipeline.make_pipeline(*numeric) if numeric else "passthrough"
    return compose.ColumnTransformer([("n", numbers, NUMBERS), ("t", text, TEXTS)], sparse_threshold=0)


MEDIAN = impute.SimpleImputer(strategy="median", add_indicator=True)
SCALE = preprocessing.StandardScaler()
FREQUENT = pipeline.make_pipeline(impute.SimpleImputer(strategy="most_frequent"), ONE_HOT)
MISSING = pipeline.make_pipeline(
    impute.SimpleImputer(strategy="constant", fill_value="?"),
    preprocessing.OneHotEncoder(handle_unknown="ignore", drop="first", sparse_output=False),
)
OURS: dict[str, tuple[Task, Any, Any]] = {
    "logistic": (Task.BINARY, steps(MEDIAN, SCALE), linear_model.LogisticRegression()),
    "logistic dropped category": (Task.BINARY, steps(MEDIAN, SCALE, text=MISSING), linear_model.LogisticRegression()),
    "ridge": (Task.REGRESSION, steps(MEDIAN, preprocessing.RobustScaler()), linear_model.Ridge()),
    "linear": (
        Task.REGRESSION,
        steps(MEDIAN, preprocessing.MinMaxScaler(), text=MISSING),
        linear_model.LinearRegression(),
    ),
    "histogram": (Task.BINARY, steps(), ensemble.HistGradientBoostingClassifier(max_iter=20)),
    "histogram scaled": (Task.BINARY, steps(SCALE), ensemble.HistGradientBoostingClassifier(max_iter=20)),
    "histogram cast": (
        Task.BINARY,
        pipeline.make_pipeline(steps(MEDIAN, SCALE, text=FREQUENT), sklapi.CastTransformer(dtype=np.float32)),
        ensemble.HistGradientBoostingClassifier(max_iter=20),
    ),
    "histogram categories": (
        Task.BINARY,
        steps(text=ORDINAL),
        ensemble.HistGradientBoostingClassifier(max_iter=20, categorical_features=[4, 5]),
    ),
    "histogram poisson": (
        Task.REGRESSION,
        steps(SCALE),
        ensemble.HistGradientBoostingRegressor(max_iter=20, loss="poisson"),
    ),
    "forest": (Task.BINARY, steps(MEDIAN, SCALE), ensemble.RandomForestClassifier(20, random_state=0)),
    "forest with nulls": (Task.BINARY, steps(SCALE), ensemble.RandomForestClassifier(20, random_state=0)),
    "forest regression": (Task.REGRESSION, steps(MEDIAN), ensemble.RandomForestRegressor(10, random_state=0)),
    "extra trees": (Task.BINARY, steps(MEDIAN), ensemble.ExtraTreesClassifier(10, random_state=0)),
    "tree": (
        Task.BINARY,
        steps(MEDIAN, text=preprocessing.TargetEncoder()),
        tree.DecisionTreeClassifier(max_depth=7),
    ),
    "boosting": (Task.BINARY, steps(MEDIAN, SCALE), ensemble.GradientBoostingClassifier(n_estimators=20)),
    "boosting regression": (Task.REGRESSION, steps(MEDIAN), ensemble.GradientBoostingRegressor(n_estimators=20)),
    "lightgbm": (Task.BINARY, steps(MEDIAN, SCALE), lightgbm.LGBMClassifier(n_estimators=20, verbose=-1)),
    "lightgbm nulls": (
        Task.BINARY,
        steps(text=ORDINAL),
        lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, categorical_feature=[4, 5]),
    ),
    "lightgbm regression": (Task.REGRESSION, steps(SCALE), lightgbm.LGBMRegressor(n_estimators=20, verbose=-1)),
    "encoded numbers": (
        Task.BINARY,
        compose.ColumnTransformer(
            [
                ("a", ONE_HOT, ["hour", "carrier", "late"]),
                ("b", ORDINAL, ["late", "hour", "origin"]),
                ("c", preprocessing.MaxAbsScaler(), ["distance"]),
                ("d", "drop", ["delay"]),
            ],
            sparse_threshold=0,
        ),
        ensemble.HistGradientBoostingClassifier(max_iter=20),
    ),
    "union of a search": (
        Task.BINARY,
        pipeline.make_pipeline(
            steps(MEDIAN),
            pipeline.make_union(preprocessing.FunctionTransformer(), feature_selection.SelectKBest(k=2)),
        ),
        model_selection.GridSearchCV(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    ),
    "selected": (
        Task.BINARY,
        pipeline.make_pipeline(steps(MEDIAN), feature_selection.SelectKBest(k=6)),
        linear_model.LogisticRegression(),
    ),
    "calibrated": (
        Task.BINARY,
        steps(MEDIAN),
        calibration.CalibratedClassifierCV(ensemble.RandomForestClassifier(5, random_state=0), cv=2),
    ),
    "calibrated isotonic": (
        Task.BINARY,
        steps(MEDIAN, SCALE),
        calibration.CalibratedClassifierCV(linear_model.LogisticRegression(), cv=2, method="isotonic"),
    ),
    "vote": (
        Task.BINARY,
        steps(MEDIAN, SCALE),
        ensemble.VotingClassifier(
            [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=4))],
            voting="soft",
            weights=[1, 3],
        ),
    ),
}
OTHERS: dict[str, tuple[Task, Any, Any]] = {
    "network": (Task.BINARY, steps(MEDIAN_PLAIN := impute.SimpleImputer(), SCALE), neural_network.MLPClassifier((8,))),
    "bayes": (Task.BINARY, steps(MEDIAN_PLAIN, SCALE), naive_bayes.GaussianNB()),
    "bayes constant": (Task.BINARY, steps(MEDIAN_PLAIN, text=MISSING), naive_bayes.GaussianNB()),
}


def fitted(task: Task, before: Any, last: Any) -> Any:
    target = (TARGET > 0).astype(int) if task is Task.BINARY else TARGET - TARGET.min()
    return base.clone(pipeline.make_pipeline(before, last)).fit(TABLE[:900], target[:900])


def same_in_batches(exported: export.Exported, table: columns.Columns) -> None:
    scorer = session.Scorer(exported.model)
    whole = scorer.predict(table)
    for size in (1, 7, 50, 1000):
        parts = [scorer.predict(columns.take(table, slice(at, at + size))) for at in range(0, ROWS, size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes(), size


@pytest.mark.parametrize("name", OURS)
def test_the_double_recipe_answers_to_the_last_digits(name: str) -> None:
    task, before, last = OURS[name]
    exported = export.export(fitted(task, before, last), signature(task), unseen())
    assert exported.parity.recipe == "double-preprocessing+double-model"
    assert exported.parity.rows == ROWS
    assert exported.parity.max_abs_error <= 1e-13 * max(1.0, float(np.abs(exported.expected).max()))
    assert session.Scorer(exported.model).layout.rows_at_once == 0
    same_in_batches(exported, frame.table(signature(task), unseen()))


@pytest.mark.parametrize("name", OTHERS)
def test_what_we_do_not_know_goes_through_skl2onnx(name: str) -> None:
    task, before, last = OTHERS[name]
    exported = export.export(fitted(task, before, last), signature(task), unseen())
    assert exported.parity.recipe == "skl2onnx-double"
    assert exported.parity.max_abs_error <= 1e-9
    same_in_batches(exported, frame.table(signature(task), unseen()))


def test_the_same_model_gives_the_same_bytes() -> None:
    model = fitted(*OURS["logistic"])
    assert (
        export.export(model, signature(Task.BINARY), TABLE).model
        == export.export(model, signature(Task.BINARY), TABLE).model
    )


class Squared(base.TransformerMixin, base.BaseEstimator):  # type: ignore[misc]
    """A step that no exporter knows."""

    def fit(self, table: Any, target: Any = None) -> "Squared":
        self.fitted_ = True
        return self

    def transform(self, table: Any) -> Any:
        return np.asarray(table, dtype=float) ** 2


def test_a_step_that_cannot_be_exported_is_refused_by_name() -> None:
    model = fitted(Task.BINARY, steps(MEDIAN, Squared()), linear_model.LogisticRegression())
    with pytest.raises(Refused, match="the step Squared") as problem:
        export.export(model, signature(Task.BINARY), TABLE)
    assert problem.value.fix


def test_one_row_over_the_tolerance_refuses_the_export() -> None:
    model = fitted(Task.BINARY, steps(MEDIAN), linear_model.LogisticRegression())
    answers = model.predict_proba(TABLE)
    answers[17, 1] += 1e-5
    model.predict_proba = lambda _: answers
    with pytest.raises(Refused, match=r"row 17 differs by 1e-05, allowed 1e-06"):
        export.export(model, signature(Task.BINARY), TABLE)
    assert export.export(model, signature(Task.BINARY), TABLE, tolerance=1e-4).parity.tolerance == 1e-4


def test_a_double_threshold_keeps_rows_on_their_side() -> None:
    """A threshold between two neighbouring floats: to the nearest float32 it would move the row at 0.1 across."""
    values = np.array([0.1, np.nextafter(0.1, 1), np.float64(np.float32(0.1)), 0.3])
    table = pd.DataFrame({"distance": np.repeat(values, 30)})
    target = np.repeat([0, 1, 1, 0], 30)
    one = Signature(features=(Field(name="distance", type=FieldType.NUMBER),), task=Task.BINARY, key="id", target="y")
    model = lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=1, min_data_in_bin=1, verbose=-1)
    exported = export.export(model.fit(table, target), one, table)
    assert exported.parity.max_abs_error < 1e-15


def test_no_rows_no_proof() -> None:
    with pytest.raises(Invalid):
        export.export(fitted(*OURS["ridge"]), signature(Task.REGRESSION), TABLE[:0])


def test_golden_rows_are_telling_and_prove_the_bundle(tmp_path: Path) -> None:
    sign = signature(Task.BINARY)
    exported = export.export(fitted(*OURS["forest"]), sign, unseen())
    table = frame.table(sign, unseen())
    chosen = golden.choose(sign, table)
    assert len(chosen) == golden.ROWS
    assert chosen.tolist() == golden.choose(sign, table).tolist() == sorted(set(chosen.tolist()))
    picked = columns.take(table, chosen)
    assert 3 in chosen
    assert 6 in chosen
    assert all(np.isnan(picked[name]).any() for name in NUMBERS)
    assert all((picked[name] == columns.NULL_TEXT).any() for name in TEXTS)
    assert len(golden.choose(sign, columns.take(table, slice(0, 9)))) == 9
    data = golden.encode(sign, picked, exported.expected[chosen])
    manifest = bundle.Manifest(
        project="p",
        model="m",
        engine=bundle.Engine.ONNX,
        signature=sign,
        threshold=None,
        files=(),
        parity=exported.parity,
        run="run",
        dataset="d",
        source="s",
        created_us=0,
    )
    name, sealed = write.write(tmp_path / "b", manifest, {bundle.MODEL: exported.model, bundle.GOLDEN: data})
    model = runtime.Runtime(tmp_path / "b", read.verify(tmp_path / "b", name))
    assert model.check_golden() == runtime.check_golden(tmp_path / "b", sealed) <= 1e-12
    assert model.predict(columns.take(table, slice(0, 0))).shape == (0,)
    wrong = golden.encode(sign, picked, exported.expected[chosen] + 1e-3)
    _, other = write.write(tmp_path / "c", manifest, {bundle.MODEL: exported.model, bundle.GOLDEN: wrong})
    with pytest.raises(Refused, match="golden"):
        runtime.Runtime(tmp_path / "c", other).check_golden()
    with pytest.raises(Invalid):
        golden.decode(sign, b"nonsense")


def test_a_file_that_is_no_model_of_ours_is_refused() -> None:
    with pytest.raises(Refused):
        session.Scorer(b"nonsense")


def test_light_modules_import_no_engine() -> None:
    code = (
        "import sys; from podium.bundle import columns, golden, layout, read, signing, write; "
        "sys.exit(any(name in sys.modules for name in ('onnxruntime', 'onnx', 'skl2onnx', 'sklearn', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
