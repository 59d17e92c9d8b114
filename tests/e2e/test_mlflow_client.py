"""MLflow's own scoring client, unmodified, from a throw-away environment, against a real scorer."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import scoring_kit as kit

PACKAGES = ("mlflow-skinny>=3.4,<4", "pandas", "requests", "scipy")
CLIENT = """
import sys

import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", sys.argv[1])
client.wait_server_ready(timeout=5)
client.ping()
assert client.get_version() == sys.argv[2]

expected = [0.2994328575, 0.8859981312, 0.5744425168]
frame = pd.DataFrame({"distance": [100.0, 1900.5, 700.0], "hour": [1, 23, 12], "flight": ["UA1", "UA2", "UA3"]})
ways = {
    "frame": (frame, None),
    "frame and params": (frame, {"any": "thing"}),
    "matrix": (frame[["distance", "hour"]].to_numpy(), None),
    "list": (frame[["distance", "hour"]].to_numpy().tolist(), None),
    "records": ('{"dataframe_records": %s}' % frame.to_json(orient="records"), None),
    "instances": ('{"instances": %s}' % frame.to_json(orient="records"), None),
    "columns": ('{"inputs": {"distance": [100, 1900.5, 700], "hour": [1, 23, 12]}}', None),
}
for name, (data, params) in ways.items():
    table = client.invoke(data, params=params).get_predictions()
    assert list(table.columns) == ["score", "decision", "prediction_id", "version"], name
    assert np.allclose(table["score"], expected, atol=1e-9), name
    assert table["decision"].tolist() == [False, True, True], name
    assert table["version"].tolist() == [1, 1, 1], name

try:
    client.invoke(frame.assign(hour=[1.5, 2.0, 3.0]))
except Exception as error:
    assert "422" in str(error) and '"field":"hour"' in str(error), error
else:
    raise AssertionError("a fraction is no whole number")

holes = frame.assign(distance=[100.0, np.nan, 700.0])
try:
    client.invoke(holes)
except Exception as error:
    assert "400" in str(error) and "NaN" in str(error), error
else:
    raise AssertionError("NaN is not JSON")
sent = client.invoke(holes.astype(object).where(holes.notna(), None)[["hour", "flight", "distance"]].iloc[[0, 2]])
assert np.allclose(sent.get_predictions()["score"], [expected[0], expected[2]], atol=1e-9)
print("all ways work")
"""


def test_mlflows_client_works_unmodified(tmp_path: Path) -> None:
    python = _environment(tmp_path / "environment")
    kit.prepare(tmp_path / "scorer")
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    with kit.Process(tmp_path / "scorer") as process:
        version = process.http.get("/version").text
        done = subprocess.run(
            [python, script, process.url.rpartition(":")[2], version],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "all ways work" in done.stdout
        for path in ("/ping", "/health", "/version"):
            assert process.http.get(path).status_code == 200


def _environment(folder: Path) -> Path:
    """An environment with MLflow's client, made by uv; skipped where the packages cannot be had."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        pytest.skip("there is no uv")
    python = folder / "bin" / "python"
    for command in (
        ["venv", "--python", sys.executable, str(folder)],
        ["pip", "install", "--python", str(python), *PACKAGES],
    ):
        made = subprocess.run([uv, "--quiet", *command], capture_output=True, text=True, timeout=200, check=False)
        if made.returncode:
            pytest.skip(f"the packages cannot be had: {made.stderr.strip()[-300:]}")
    return python
