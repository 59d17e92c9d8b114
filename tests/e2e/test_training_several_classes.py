"""Training of several classes in real processes: what it leaves, in every form, and what it refuses."""

from pathlib import Path
from typing import Any

import msgspec
import numpy
import pytest

from podium.build.runs import process
from podium.build.runs.training import request
from podium.bundle import columns, golden
from podium.bundle.engines.onnx import session
from podium.core import project, reference
from tests import class_project as made
from tests import training_project


def train(folder: Path, spec: project.Project, code: str = made.LOGISTIC, data: Any = None) -> int:
    (folder / "source").mkdir(parents=True)
    (folder / "out").mkdir()
    (folder / "source" / "train.py").write_text(code)
    training_project.write(folder / "data.parquet", made.data() if data is None else data)

    def asked(descriptor: int) -> request.Request:
        return request.Request(spec=spec, params=dict(spec.params), seed=spec.seed, progress=descriptor)

    return process.run(folder, lambda _: None, asked).code


def answer(folder: Path) -> request.Answer:
    return msgspec.json.decode((folder / "result.json").read_bytes(), type=request.Answer)


def failure(folder: Path) -> request.Failure:
    return msgspec.json.decode((folder / "failure.json").read_bytes(), type=request.Failure)


def test_everything_that_training_leaves(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train(folder, made.spec()) == 0, (folder / "log.txt").read_text()
    result = answer(folder).result
    assert result.signature.labels == made.LABELS
    assert set(result.metrics["test"]) == {"accuracy", "macro_f1", "macro_auc", "log_loss", "brier"}
    for found in result.metrics["test"].values():
        assert found.low < found.value < found.high
    assert 0.6 < result.metrics["test"]["accuracy"].value < 0.9
    assert set(result.slices["kind"]) == {"jet", "prop"}
    assert (result.threshold, result.baseline_cost, result.review) == (None, {}, None)
    assert result.parity["max_abs_error"] <= 1e-12
    scorer = session.Scorer((folder / "out" / "model.onnx").read_bytes())
    table, expected = golden.decode(result.signature, (folder / "out" / "golden.arrow").read_bytes())
    assert expected.shape == (columns.count(table), 3)
    numpy.testing.assert_allclose(scorer.predict(table), expected, atol=1e-12)
    kept = msgspec.json.decode((folder / "out" / "reference.json").read_bytes(), type=reference.Reference)
    assert kept.of_classes is not None
    assert kept.of_classes.labels == made.LABELS
    assert sum(kept.of_classes.predicted.counts.values()) == result.rows["test"]
    assert sum(kept.of_classes.outcomes.counts.values()) == result.rows["test"]
    assert set(kept.of_classes.probabilities) == set(made.LABELS)
    assert len(kept.of_classes.calibrations) == 3
    assert (kept.score.minimum or 0.0) > 1 / 3
    assert kept.importance["hour"] > kept.importance["kind"]


def test_a_target_of_numbers_gives_the_same_model_as_one_of_words(tmp_path: Path) -> None:
    """The classes of a target 0, 1, 2 are "0", "1" and "2"."""
    spec = made.spec()
    numbers = msgspec.structs.replace(
        spec,
        model=msgspec.structs.replace(spec.model, classes=("0", "1", "2")),
        data=msgspec.structs.replace(spec.data, target="number"),
    )
    for name, each in (("words", spec), ("numbers", numbers)):
        assert train(tmp_path / name, each) == 0, (tmp_path / name / "log.txt").read_text()
    one, two = (answer(tmp_path / name).result for name in ("words", "numbers"))
    assert one.metrics == two.metrics
    assert (tmp_path / "words/out/model.onnx").read_bytes() == (tmp_path / "numbers/out/model.onnx").read_bytes()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ("on time", "late", "gone")}, "none of the classes"),
        ({"classes": (*made.LABELS, "diverted")}, "none of the class 'diverted'"),
    ],
    ids=["unknown", "absent"],
)
def test_a_target_that_is_not_of_the_classes_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    spec = made.spec()
    folder = tmp_path / "run"
    assert train(folder, msgspec.structs.replace(spec, model=msgspec.structs.replace(spec.model, **changes))) == 1
    told = failure(folder)
    assert told.expected
    assert said in told.message
    assert told.field == "fate"


def test_what_has_no_form_in_onnx_becomes_a_process_of_its_own(tmp_path: Path) -> None:
    """Neighbours at the same distance are told apart otherwise by ONNX."""
    code = """
import numpy
from sklearn.base import BaseEstimator, ClassifierMixin

class Shares(ClassifierMixin, BaseEstimator):
    def fit(self, features, target):
        self.classes_ = numpy.unique(target)
        self.shares_ = numpy.array([(target == each).mean() for each in self.classes_])
        return self

    def predict_proba(self, features):
        first = 1.0 / (1.0 + numpy.exp(-(features["hour"].to_numpy() - 14.0) / 4.0))
        rest = numpy.outer(1.0 - first, self.shares_[[0, 2]] / self.shares_[[0, 2]].sum())
        return numpy.column_stack([rest[:, 0], first, rest[:, 1]])

    def predict(self, features):
        return self.classes_[self.predict_proba(features).argmax(axis=1)]

def fit(features, target, context):
    return Shares().fit(features, target)
"""
    folder = tmp_path / "run"
    spec = made.spec(bundle={"allow": ["python"]})
    assert train(folder, spec, code) == 0, (folder / "failure.json").read_text()
    result = answer(folder).result
    assert result.engine == "python"
    assert result.parity["max_abs_error"] == 0.0


def test_probabilities_that_do_not_exclude_each_other_are_refused(tmp_path: Path) -> None:
    code = made.LOGISTIC.replace(
        "def fit",
        """
class Apart(LogisticRegression):
    def predict_proba(self, rows):
        return super().predict_proba(rows) * 0.9

def fit""",
    ).replace("= LogisticRegression(", "= Apart(")
    folder = tmp_path / "run"
    assert train(folder, made.spec(), code) == 1
    assert "do not sum to 1" in failure(folder).message
