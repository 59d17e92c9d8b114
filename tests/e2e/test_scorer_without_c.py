"""A scorer without its parts in C answers and logs the same, bit for bit.

Only the scores of rows that were asked at once may differ, by 2 units in the last place: ONNX Runtime takes the
exponentials of some rows of a batch by another path than those of its rest, and which rows share a batch is up to the
moment.
"""

import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from podium.scoring.log import message
from podium.scoring.protocols import finder
from tests import scoring_kit as kit

HIDE = """
import sys
sys.modules["podium.scoring.protocols._values"] = None
sys.modules["podium.scoring.protocols._survey"] = None
sys.modules["podium.scoring.log._message"] = None
sys.modules["podium.scoring._template"] = None
sys.modules["podium.bundle.engines.onnx._fused"] = None
"""
WHICH = """
from podium.scoring import template
from podium.scoring.log import message
from podium.scoring.protocols import finder, survey
print(finder.COMPILED, survey.COMPILED, message.COMPILED, template.COMPILED)
"""
NUMBERS = [0.1 + 0.2, 1e-7, -0.0, 1234567890.125, 2.5e300, 1e22, 7.0]


def bodies() -> list[dict[str, Any]]:
    """One row each, many like one before; then some with many rows."""
    single = [
        kit.tensors({"distance": [number], "hour": [at % 24], "flight": [f"UA{at}é"]}, id=f"row-{at}")
        for at, number in enumerate(itertools.islice(itertools.cycle(NUMBERS), 48))
    ]
    many = [
        kit.tensors(
            {"distance": [*NUMBERS] * 20, "hour": [at] * 140, "flight": [str(n) for n in range(140)]}, id=f"rows-{at}"
        )
        for at in range(3)
    ]
    unanswered = kit.tensors({"distance": [None], "hour": [1], "flight": ["UA1"]}, id="null")
    return [*single, unanswered, *many]


def outcome(folder: Path, **environment: str) -> tuple[list[Any], list[Any], list[dict[str, Any]]]:
    """Answers to each by itself, then to all at once; and what was logged, but for when."""
    kit.prepare(folder)
    with kit.Process(folder, environment) as scorer:
        alone = [scorer.infer(body).json() for body in bodies()]
        again = [{**body, "id": f"again-{body['id']}"} for body in bodies()]
        with ThreadPoolExecutor(16) as threads:
            together = list(threads.map(lambda body: scorer.infer(body).json(), again))
        scorer.drain()
        found = []
        for path in sorted((folder / "log").glob("*.arrow")):
            found += pa.ipc.open_stream(path.read_bytes()).read_all().drop_columns(["at"]).to_pylist()
    return alone, together, sorted(found, key=lambda row: str(row["prediction_id"]))


def scores_apart(found: tuple[list[Any], list[Any], list[dict[str, Any]]]) -> list[float]:
    """The scores of rows asked at once, answered and logged, taken out of ``found``."""
    _, together, logged = found
    outputs = [output for answer in together for output in answer.get("outputs", ()) if output["name"] == "score"]
    answered = [score for output in outputs for score in output.pop("data")]
    return answered + [row.pop("score") for row in logged if row["request_id"].startswith("again-")]


@pytest.mark.skipif(not (finder.COMPILED and message.COMPILED), reason="there was no C compiler")
def test_a_scorer_without_its_parts_in_c_answers_and_logs_the_same(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(HIDE)
    without = {**os.environ, "PYTHONPATH": f"{hidden}:src:."}
    said = subprocess.run([sys.executable, "-c", WHICH], env=without, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False"] * 4
    ours = outcome(tmp_path / "with")
    theirs = outcome(tmp_path / "without", PYTHONPATH=without["PYTHONPATH"])
    assert ours[0] == theirs[0]
    np.testing.assert_array_max_ulp(scores_apart(ours), scores_apart(theirs), maxulp=2)
    assert ours == theirs
    assert len(ours[2]) == 2 * (48 + 3 * 140)
    assert [answer.get("field") for answer in ours[0]].count("score") == 1
