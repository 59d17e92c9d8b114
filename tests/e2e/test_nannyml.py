"""The estimates against nannyml itself, in an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from podium.measures.estimates import calibration, cbpe, cbpe_classes

SCRIPT = """
import json, sys
import nannyml, pandas

metrics = ["roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy", "confusion_matrix"]
cells = ["true_positive", "false_positive", "false_negative", "true_negative"]
reference, analysis = (
    pandas.read_csv(f"{sys.argv[1]}/{name}.csv", float_precision="round_trip") for name in ("a", "b")
)
estimator = nannyml.CBPE(
    y_pred_proba="score",
    y_pred="act",
    y_true="target",
    problem_type="classification_binary",
    metrics=metrics,
    chunk_size=5000,
)
estimator.fit(reference)
found = estimator.estimate(analysis).filter(period="analysis").to_df()
figures = {name: found[(name, "value")].tolist() for name in (*metrics[:-1], *cells)}
figures["auc"] = figures.pop("roc_auc")
print(json.dumps({"calibrated": bool(estimator.needs_calibration), **figures}))
"""
"""Run by a Python that has nannyml: its estimates for a folder's rows. Those in test_estimates.py are its."""
CLASSES = """
import json, sys
import nannyml, pandas

reference, analysis = (
    pandas.read_csv(f"{sys.argv[1]}/{name}.csv", float_precision="round_trip") for name in ("a", "b")
)
estimator = nannyml.CBPE(
    y_pred_proba={0: "p0", 1: "p1", 2: "p2"},
    y_pred="act",
    y_true="target",
    problem_type="classification_multiclass",
    metrics=["roc_auc", "f1", "accuracy"],
    chunk_size=5000,
)
estimator.fit(reference)
found = estimator.estimate(analysis).filter(period="analysis").to_df()
figures = {name: found[(name, "value")].tolist() for name in ("roc_auc", "f1", "accuracy")}
print(json.dumps(figures))
"""
"""The same of three classes."""
PACKAGES = ("nannyml==0.13.1", "statsmodels")
SIZE = 5000


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nannyml")
    made = folder / "bin" / "python"
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    make = [uv, "venv", "--quiet", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    subprocess.run([*make, folder], check=True)
    tool = [uv, "pip", "install", "--python", str(made)] if uv else [str(made), "-m", "pip", "install"]
    subprocess.run([*tool, "--quiet", *PACKAGES], check=True, timeout=900)
    return made


def drawn(random: numpy.random.Generator, shift: float, power: float) -> tuple[list[float], list[float]]:
    score = 1.0 / (1.0 + numpy.exp(-random.normal(-0.5 + shift, 1.2, 2 * SIZE)))
    return (random.random(2 * SIZE) < score**power).astype(float).tolist(), score.tolist()


def write(path: Path, target: list[float], score: list[float]) -> None:
    lines = [f"{each!r},{int(each >= 0.5)},{int(truth)}" for truth, each in zip(target, score, strict=True)]
    path.write_text("\n".join(["score,act,target", *lines]))


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_estimates_equal_nannymls(python: Path, tmp_path: Path) -> None:
    """Calibrated scores and such that promise too much, with drift; no ties: within 1e-8, calibrated alike."""
    environment = os.environ | {"NML_DISABLE_USAGE_LOGGING": "1"}
    for power in (1.0, 2.0):
        for seed in (1, 2, 3):
            random = numpy.random.default_rng(seed)
            target, score = drawn(random, 0.0, power)
            later_target, later = drawn(random, 0.4, power)
            write(tmp_path / "a.csv", target, score)
            write(tmp_path / "b.csv", later_target, later)
            said = subprocess.run(
                [python, "-c", SCRIPT, str(tmp_path)], check=True, capture_output=True, text=True, env=environment
            )
            theirs = json.loads(said.stdout.splitlines()[-1])
            made = calibration.line(target, score)
            assert (made is not None) == theirs["calibrated"]
            for name, estimator in cbpe.ESTIMATORS.items():
                for at, expected in enumerate(theirs.get(name, ())):
                    found = cbpe.cbpe(estimator, later[at * SIZE : (at + 1) * SIZE], made)
                    assert found is not None
                    assert abs(found.value - expected) <= 1e-8, (name, power, seed)


def drawn_of_classes(random: numpy.random.Generator, shift: float, power: float) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Classes, and probabilities that are right (power 1) or promise too much."""
    sums = random.normal([0.5 + shift, 0.0, -0.5], 1.2, (2 * SIZE, 3))
    right = numpy.exp(sums) / numpy.exp(sums).sum(axis=1, keepdims=True)
    target = (random.random(2 * SIZE)[:, None] > right.cumsum(axis=1)[:, :2]).sum(axis=1)
    said = right**power / (right**power).sum(axis=1, keepdims=True)
    return target, said


def write_classes(path: Path, target: numpy.ndarray, score: numpy.ndarray) -> None:
    rows = zip(target.tolist(), score.tolist(), score.argmax(axis=1).tolist(), strict=True)
    lines = [f"{','.join(map(repr, each))},{act},{truth}" for truth, each, act in rows]
    path.write_text("\n".join(["p0,p1,p2,act,target", *lines]))


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_estimates_of_classes_equal_nannymls(python: Path, tmp_path: Path) -> None:
    """Macro AUC, macro F1 and accuracy of three classes, calibrated or not as each class needs it: within 1e-8."""
    environment = os.environ | {"NML_DISABLE_USAGE_LOGGING": "1"}
    names = {"roc_auc": "macro_auc", "f1": "macro_f1", "accuracy": "accuracy"}
    for power in (1.0, 2.0):
        for seed in (1, 2):
            random = numpy.random.default_rng(seed)
            target, score = drawn_of_classes(random, 0.0, power)
            _, later = drawn_of_classes(random, 0.6, power)
            write_classes(tmp_path / "a.csv", target, score)
            write_classes(tmp_path / "b.csv", numpy.zeros(len(later), dtype=int), later)
            said = subprocess.run(
                [python, "-c", CLASSES, str(tmp_path)], check=True, capture_output=True, text=True, env=environment
            )
            theirs = json.loads(said.stdout.splitlines()[-1])
            lines = [calibration.line(target == at, score[:, at]) for at in range(3)]
            assert power == 1.0 or all(lines)
            for name, mine in names.items():
                for at, expected in enumerate(theirs[name]):
                    part = later[at * SIZE : (at + 1) * SIZE]
                    found = cbpe_classes.cbpe_classes(cbpe_classes.ESTIMATORS[mine], part, lines)
                    assert found is not None
                    assert abs(found.value - expected) <= 1e-8, (name, power, seed)
