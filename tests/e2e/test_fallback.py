"""What ONNX cannot say becomes trees for Treelite, or itself in a process of its own; proven like any other form."""

import importlib
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import lightgbm
import msgspec
import numpy
import pytest
from sklearn import ensemble, pipeline

from podium.build.runs.training import evaluate, export, fallback, table
from podium.bundle import columns, layout
from podium.bundle.engines.treelite import model as treelite
from podium.bundle.explain import explainer
from podium.bundle.explain import table as explained
from podium.bundle.export import ensembles, frame, locked
from podium.core import bundle, engine
from podium.core.errors import Refused
from tests import training_project

BAGGING = """
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder


class Careful(BaggingClassifier):
    pass


def fit(features, target, context):
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("text", encode, ["kind"]), ("hour", "passthrough", ["hour"])])
    return Pipeline([("columns", columns), ("model", Careful(n_estimators=4, random_state=1))]).fit(features, target)
"""


def trained(folder: Path, code: str = BAGGING) -> fallback.Trained:
    """A model that ONNX does not express, with its class in the project's own module."""
    (folder / "source").mkdir()
    (folder / "source" / "careful_bagging.py").write_text(code)
    spec = training_project.spec()
    data = table.read(training_project.write(folder / "data.parquet", training_project.data(1500)), spec)
    sys.path.insert(0, str(folder / "source"))
    try:
        sys.modules.pop("careful_bagging", None)
        module = importlib.import_module("careful_bagging")
    finally:
        sys.path.pop(0)
    fitted = module.fit(frame.frame(data.signature, data.features), data.target, None)
    scores = evaluate.score(fitted, data.signature, data.features)
    return fallback.Trained(fitted, data, evaluate.evaluate(data, scores, spec), folder / "source")


@pytest.fixture(scope="module")
def bagged(tmp_path_factory: pytest.TempPathFactory) -> fallback.Trained:
    return trained(tmp_path_factory.mktemp("bagged"))


def test_it_is_refused_where_the_project_allows_no_code(bagged: fallback.Trained) -> None:
    with pytest.raises(Refused) as problem:
        fallback.export_any(bagged, training_project.spec(bundle={"allow": ["treelite"]}))
    assert "BaggingClassifier" in problem.value.message or "Careful" in problem.value.message
    assert "treelite: cannot express Careful as trees" in problem.value.message
    assert 'allow = ["treelite", "python"]' in (problem.value.fix or "")


def test_it_becomes_itself_in_a_process_of_its_own(bagged: fallback.Trained) -> None:
    made = fallback.export_any(bagged, training_project.spec(bundle={"allow": ["treelite", "python"]}))
    assert made.engine is bundle.Engine.PYTHON
    assert made.parity.max_abs_error == 0.0
    assert made.parity.recipe == "python after onnx, treelite"
    assert {bundle.ENGINE, bundle.GOLDEN, bundle.REFERENCE, "model.pkl", "code/careful_bagging.py"} <= set(made.files)
    pins = made.files["requirements.txt"].decode().splitlines()
    for name in ("scikit-learn", "numpy", "scipy", "pandas", "joblib"):
        assert f"{name}=={metadata.version(name)}" in pins
    assert not [pin for pin in pins if pin.startswith(("podium", "pytest", "onnxruntime"))]
    spec = engine.decode(made.files[bundle.ENGINE])
    assert isinstance(spec, engine.Python)
    assert spec.python == ".".join(map(str, sys.version_info[:2]))
    assert not spec.limits.network


def test_what_cannot_be_pickled_is_told(bagged: fallback.Trained) -> None:
    bagged_too = fallback.Trained(bagged.estimator, bagged.table, bagged.found, bagged.source)
    bagged_too.estimator = pipeline.Pipeline(bagged.estimator.steps)
    bagged_too.estimator.hook = lambda: None
    with pytest.raises(Refused, match="as a pickle"):
        fallback.export_any(bagged_too, training_project.spec(bundle={"allow": ["python"]}))


def test_a_pickle_is_read_and_not_run() -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("it ran",))

    assert "_pytest.outcomes" in locked.modules_of(locked.dump(Evil()))


KINDS = {
    "forest": ensemble.RandomForestClassifier(30, random_state=1),
    "extra": ensemble.ExtraTreesClassifier(30, random_state=1),
    "boosting": ensemble.GradientBoostingClassifier(random_state=1),
    "histogram": ensemble.HistGradientBoostingClassifier(random_state=1),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=40, verbose=-1, random_state=1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_trees_answer_as_they_were_trained(tmp_path: Path, kind: str) -> None:
    spec = training_project.spec()
    data = table.read(training_project.write(tmp_path / "data.parquet", training_project.data(1500)), spec)
    rows = frame.frame(data.signature, data.features)[["distance", "hour"]].fillna(0.0)
    fitted = KINDS[kind].fit(rows, data.target)
    form = ensembles.build(fitted, layout.of(data.signature), ["distance", "hour"], binary=True)
    described = engine.Treelite(preprocessing=bundle.MODEL)
    (tmp_path / bundle.MODEL).write_bytes(form.preprocessing)
    (tmp_path / described.model).write_bytes(form.trees)
    model = treelite.make(tmp_path, described, data.signature)
    filled = data.features | {"distance": numpy.nan_to_num(data.features["distance"])}
    answers = model.predict(filled)
    assert numpy.abs(answers - fitted.predict_proba(rows)[:, 1]).max() <= 1e-6
    for at in (0, 700, 1499):
        assert model.predict(columns.take(filled, slice(at, at + 1)))[0] == answers[at]


def test_lightgbms_own_file_is_taken_as_it_is(tmp_path: Path) -> None:
    data = table.read(
        training_project.write(tmp_path / "data.parquet", training_project.data(1500)), training_project.spec()
    )
    numbers = [field for field in data.signature.features if field.name in ("distance", "hour")]
    signature = msgspec.structs.replace(data.signature, features=tuple(numbers))
    rows = frame.frame(signature, {field.name: data.features[field.name] for field in numbers})
    fitted = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(rows, data.target)
    fitted.booster_.save_model(tmp_path / "model.txt")
    model = treelite.make(tmp_path, engine.Treelite(model="model.txt", format="lightgbm"), signature)
    answers = model.predict(data.features)
    assert numpy.abs(answers - fitted.predict_proba(rows)[:, 1]).max() <= 1e-6
    (tmp_path / "model.txt").write_text("tree\nnonsense")
    with pytest.raises(Refused):
        treelite.make(tmp_path, engine.Treelite(model="model.txt", format="lightgbm"), signature)


def test_export_in_onnx_still_comes_first(tmp_path: Path) -> None:
    made = trained(
        tmp_path,
        BAGGING.replace("Careful(n_estimators=4", "ensemble.RandomForestClassifier(n_estimators=4").replace(
            "class Careful(BaggingClassifier):\n    pass", "from sklearn import ensemble"
        ),
    )
    found: export.Exported = fallback.export_any(made, training_project.spec(bundle={"allow": ["treelite", "python"]}))
    assert found.engine is bundle.Engine.ONNX


BOOSTED = {
    "lightgbm": ("from lightgbm import LGBMClassifier as Careful", "n_estimators=20, verbose=-1"),
    "forest": ("from sklearn.ensemble import RandomForestClassifier as Careful", "n_estimators=20"),
}


@pytest.mark.parametrize("kind", BOOSTED)
def test_trees_tell_how_their_scores_come_about(tmp_path: Path, kind: str) -> None:
    imported, options = BOOSTED[kind]
    code = BAGGING.replace("class Careful(BaggingClassifier):\n    pass", imported).replace("n_estimators=4", options)
    given = trained(tmp_path, code)
    made = fallback._prove(given, bundle.Engine.TREELITE, fallback._treelite(given), ["onnx"])
    names = tuple(field.name for field in made.signature.features)
    native = explainer.Native(made.files[explained.ENCODER], made.files[explained.FILE], names)
    found = native.explain(given.table.features)
    scores = explainer.score_of(native.about.scale, found.base + found.values.sum(axis=1))
    assert numpy.abs(scores - given.found.scores).max() <= 1e-6
    assert numpy.ptp(found.values[:, names.index("hour")]) > 0
    assert not found.values[:, names.index("distance")].any()  # the model does not see it
