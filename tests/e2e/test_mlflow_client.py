"""MLflow's own scoring client, unmodified, from a throw-away environment, against a real scorer."""

import json
import subprocess
from pathlib import Path

import pytest

from podium.bundle import signing
from tests import engine_kit, throwaway
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

print("all ways work")
"""
HOLES = """
import json
import sys

import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", sys.argv[1])
rows, expected = json.loads(sys.argv[2])
table = pd.DataFrame(rows)
assert table["amount"].isna().any() and table["kind"].isna().any() and table["holiday"].isna().any()
ways = {
    "as pandas has it": table,
    "NaN among texts": table.assign(kind=table["kind"].astype(object).where(table["kind"].notna(), np.nan)),
    "None everywhere": table.astype(object).where(table.notna(), None),
    "other columns, in another order": table.assign(colour=np.nan)[["holiday", "colour", "kind", "hour", "amount"]],
    "an index of NaN": table.set_index(pd.Index([np.nan] * len(table))),
    "the matrix": table.astype(object).to_numpy(),
}
for name, data in ways.items():
    scores = client.invoke(data).get_predictions()["score"]
    assert np.allclose(scores, expected, atol=1e-9), name

for name, data, status, field in (
    ("NaN where none may be", table.assign(hour=[np.nan, *table["hour"][1:]]), 422, "hour"),
    ("infinity", table.assign(amount=np.inf), 400, "dataframe_split.data[0][0]"),
    ("records with NaN", '{"dataframe_records": [{"amount": NaN, "hour": 1}]}', 400, "dataframe_records[0].amount"),
):
    try:
        client.invoke(data)
    except Exception as error:
        assert f"code {status}" in str(error) and f'"field":"{field}"' in str(error), (name, error)
    else:
        raise AssertionError(name)
print("all ways work")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return throwaway.environment(tmp_path_factory.mktemp("client") / "environment", PACKAGES)


def test_mlflows_client_works_unmodified(python: Path, tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path) as process:
        version = process.http.get("/version").text
        _run(python, CLIENT, process, version)
        for path in ("/ping", "/health", "/version"):
            assert process.http.get(path).status_code == 200


def test_mlflows_client_may_send_tables_with_missing_values(python: Path, tmp_path: Path) -> None:
    rows = engine_kit.rows(40)
    expected = [engine_kit.score(row) for row in rows]
    (tmp_path / "public.key").write_bytes(signing.public(kit.KEY))
    engine_kit.serve(tmp_path, "onnx", engine_kit.write_bundle(tmp_path, engine_kit.kinds("")["onnx"]()))
    with kit.Process(tmp_path) as process:
        _run(python, HOLES, process, json.dumps([rows, expected]))


def _run(python: Path, script: str, process: kit.Process, *arguments: str) -> None:
    done = subprocess.run(
        [python, "-c", script, process.url.rpartition(":")[2], *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "all ways work" in done.stdout
