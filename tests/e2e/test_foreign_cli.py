"""A model that somebody trained elsewhere, brought by the real command: own packages, own process."""

import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
import numpy
import pandas
import pyarrow.parquet
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from tests import ports

PODIUM = Path(sys.executable).with_name("podium")
PACKAGES = (
    "cloudpickle",
    "joblib",
    "narwhals",
    "numpy",
    "pandas",
    "python-dateutil",
    "scikit-learn",
    "scipy",
    "six",
    "threadpoolctl",
    "tzdata",
)
ENGINE = """
engine = "python"
python = "{python}"
model = "model.joblib"
format = "joblib"

[limits]
seconds = 10
"""


RULE = """
engine = "python"
python = "{python}"
call = "rule:late"
rows = "dicts"
"""
CODE = """
import math


def late(rows):
    return [1 / (1 + math.exp(9 - 0.4 * (row["amount"] or 0))) for row in rows]
"""


def bagging(rows: pandas.DataFrame) -> Pipeline:
    """A pipeline that ONNX cannot express."""
    prepare = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), ["amount"]),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["kind"]),
        ]
    )
    model = Pipeline([("prepare", prepare), ("model", BaggingClassifier(n_estimators=5, random_state=1))])
    return model.fit(rows[["amount", "kind"]], rows["target"])


def lock() -> str:
    pins = []
    for name in PACKAGES:
        try:
            pins.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return "\n".join(pins) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    podium(tmp_path, "init", "bought")
    random = numpy.random.default_rng(1)
    count = 1200
    rows = pandas.DataFrame(
        {
            "id": [f"c{at}" for at in range(count)],
            "at": pandas.date_range("2024-01-01", periods=count, freq="h", tz="UTC"),
            "amount": random.gamma(2, 10, count),
            "kind": random.choice(["new", "old"], count),
        }
    )
    chance = 1 / (1 + numpy.exp(9 - 0.4 * rows["amount"] - 2 * (rows["kind"] == "new")))
    rows["target"] = (random.random(count) < chance).astype(int)
    model = bagging(rows)
    rows["expected"] = model.predict_proba(rows[["amount", "kind"]])[:, 1]
    rows.loc[::50, "amount"] = None
    rows["expected"] = model.predict_proba(rows[["amount", "kind"]])[:, 1]
    pyarrow.parquet.write_table(pyarrow.Table.from_pandas(rows, preserve_index=False), tmp_path / "scored.parquet")
    files = tmp_path / "vendor"
    files.mkdir()
    joblib.dump(model, files / "model.joblib")
    (files / "requirements.txt").write_text(lock())
    (files / "engine.toml").write_text(ENGINE.format(python=".".join(map(str, sys.version_info[:2]))))
    project = (tmp_path / "podium.toml").read_text().replace('"train:fit"', '"none"')
    project = project.replace('allow = ["treelite"]', 'allow = ["python"]')
    start = project.index("[[triggers]]")
    (tmp_path / "podium.toml").write_text(project[:start])
    return tmp_path


def podium(folder: Path, *arguments: str, code: int | None = 0, settings: dict[str, str] | None = None) -> Any:
    """Run a command; what it answered in JSON, or its error where it may fail."""
    done = subprocess.run(
        [PODIUM, *arguments, "--json"], cwd=folder, env=plain(settings), capture_output=True, text=True, timeout=280
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stderr if done.returncode else done.stdout)


def plain(settings: dict[str, str] | None = None) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PODIUM_")} | (settings or {})


@contextlib.contextmanager
def up(folder: Path) -> Iterator[dict[str, str]]:
    """The platform and a scorer, on free ports."""
    names = ("PODIUM_PORT", "PODIUM_SCORER_PORT", "PODIUM_GRPC_PORT")
    given = {name: str(port) for name, port in zip(names, ports.free(3), strict=True)}
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen([PODIUM, "up"], cwd=folder, env=plain(given), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while podium(folder, "versions", "list", settings=given, code=None) != []:
            assert time.monotonic() < deadline, (folder / "up.log").read_text()
            time.sleep(0.5)
        yield given
    finally:
        process.terminate()
        process.wait(40)


def test_a_joblib_of_scikit_learn_becomes_a_version_that_is_proven(folder: Path) -> None:
    run = podium(folder, "versions", "add", "vendor", "--rows", "scored.parquet", "--reason", "bought")
    assert run["state"] == "finished"
    assert run["result"]["engine"] == "python"
    assert run["result"]["parity"]["max_abs_error"] <= 1e-12
    shown = podium(folder, "versions", "show", "bought", "1")
    assert shown["version"]["gates_passed"] is True
    nullable = {field["name"]: field["nullable"] for field in run["result"]["signature"]["features"]}
    assert nullable["amount"] is True


def test_it_is_approved_released_served_and_replayed_as_any_other(folder: Path) -> None:
    (folder / "vendor" / "model.joblib").unlink()
    (folder / "vendor" / "requirements.txt").write_text("# nothing\n")
    (folder / "vendor" / "engine.toml").write_text(RULE.format(python=".".join(map(str, sys.version_info[:2]))))
    (folder / "vendor" / "code").mkdir()
    (folder / "vendor" / "code" / "rule.py").write_text(CODE)
    rows = pyarrow.parquet.read_table(folder / "scored.parquet").to_pandas()
    rows["expected"] = [1 / (1 + math.exp(9 - 0.4 * (amount if amount == amount else 0))) for amount in rows["amount"]]
    rows.to_parquet(folder / "scored.parquet", index=False)
    with up(folder) as given:
        podium(folder, "versions", "add", "vendor", "--rows", "scored.parquet", settings=given)
        for name, role, verb in (("vera", "validator", "validate"), ("olga", "owner", "approve")):
            secret = podium(folder, "users", "add", name, "--role", role, settings=given)["secret"]
            podium(folder, verb, "bought", "1", "--comment", "read the rule", settings=given | {"PODIUM_TOKEN": secret})
        score = ("score", "bought", "--data", '[{"id": "a", "amount": 30.5, "kind": "new"}]')
        deadline = time.monotonic() + 90
        while True:
            said = podium(folder, *score, settings=given, code=None)
            if "error" not in said:
                break
            assert time.monotonic() < deadline, said
            time.sleep(0.5)
        text = json.dumps(said)
        assert str(1 / (1 + math.exp(9 - 0.4 * 30.5)))[:12] in text, text
        deadline = time.monotonic() + 90
        while True:
            podium(folder, "close", "bought", settings=given, code=None)  # the log is read when a window closes
            replayed = podium(folder, "replay", "bought", "--sample", "1", settings=given, code=None)
            if "error" not in replayed:
                break
            assert time.monotonic() < deadline, replayed
            time.sleep(1)
        assert replayed["identical"] == replayed["replayed"] == 1, replayed


def test_what_is_missing_or_not_allowed_is_told(folder: Path) -> None:
    (folder / "vendor" / "model.joblib").unlink()
    assert "model.joblib" in podium(folder, "versions", "add", "vendor", code=1)["detail"]
    (folder / "vendor" / "engine.toml").write_text('engine = "fortran"')
    assert "external" in podium(folder, "versions", "add", "vendor", code=1)["fix"]
    (folder / "vendor" / "engine.toml").write_text('engine = "python"\npython = 3')
    assert "python" in podium(folder, "versions", "add", "vendor", code=1)["detail"]
    assert not (folder / ".podium").exists()
    (folder / "vendor" / "engine.toml").write_text('engine = "external"\nurl = "https://models.example.org/infer"')
    path = folder / "podium.toml"
    path.write_text(path.read_text().replace('allow = ["python"]', "allow = []"))
    said = podium(folder, "versions", "add", "vendor", "--rows", "scored.parquet", code=1)
    assert said["error"] == "refused"
    assert 'allow = ["external"]' in said["fix"]
