"""A running scorer leaves scores within the approved band to people: in every answer, and in the log."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from podium.core.review import Band
from podium.monitor.intake import segments
from podium.scoring.protocols import arrow
from tests import scoring_kit as kit

BAND = Band(low=0.4, high=0.6)
ROWS: dict[str, list[Any]] = {
    "distance": [100.0, 700.0, 1000.0, 1400.0, 1900.0],
    "hour": [1, 3, 0, 1, 20],
    "flight": ["a", "b", "c", "d", "e"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kit.prepare(tmp_path)
    named = kit.write_bundle(tmp_path, -1.0, review=BAND)
    plain = kit.write_bundle(tmp_path, -1.3)
    champion, shadow = kit.route("champion", 1, named, review=BAND), kit.route("shadow", 2, plain, 0.0)
    kit.put_rollout(tmp_path, kit.sign(kit.document(2, champion, shadow, format=2)))
    return tmp_path


@pytest.fixture
def scorer(folder: Path) -> Iterator[kit.Process]:
    with kit.Process(folder) as process:
        yield process


def expected(scores: list[float]) -> tuple[list[bool | None], list[bool]]:
    gone = [0.4 <= score < 0.6 for score in scores]
    assert any(gone)
    assert not all(gone)
    return [None if each else score >= 0.5 for score, each in zip(scores, gone, strict=True)], gone


def test_rows_together_and_alone(scorer: kit.Process) -> None:
    answer = scorer.infer(kit.tensors(ROWS)).json()
    decisions, gone = expected(kit.output(answer, "score"))
    assert kit.output(answer, "decision") == decisions
    assert kit.output(answer, "referred") == gone
    for row in range(5):
        for _ in range(2):  # the second goes the fast way
            one = scorer.infer(kit.tensors({name: values[row : row + 1] for name, values in ROWS.items()})).json()
            assert kit.output(one, "decision") == [decisions[row]]
            assert kit.output(one, "referred") == [gone[row]]
    told = scorer.http.get(f"/v2/models/{kit.ENDPOINT}").json()
    assert {"name": "referred", "datatype": "BOOL", "shape": [-1]} in told["outputs"]


def test_the_other_forms_of_an_answer(scorer: kit.Process) -> None:
    records = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
    found = scorer.http.post("/invocations", json={"dataframe_records": records}).json()["predictions"]
    decisions, gone = expected([each["score"] for each in found])
    assert [each["decision"] for each in found] == decisions
    assert [each["referred"] for each in found] == gone
    sink = io.BytesIO()
    table = pa.table(ROWS)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    answer = scorer.http.post(
        f"/v2/models/{kit.ENDPOINT}/infer", content=sink.getvalue(), headers={"content-type": arrow.MEDIA}
    )
    back = pa.ipc.open_stream(answer.content).read_all()
    assert back.column("decision").to_pylist() == decisions
    assert back.column("referred").to_pylist() == gone
    only = scorer.infer(kit.tensors(ROWS, outputs=[{"name": "referred"}])).json()
    assert [each["name"] for each in only["outputs"]] == ["referred"]


def test_the_log_says_who_decides_and_a_shadow_refers_nothing_to_anybody(scorer: kit.Process, folder: Path) -> None:
    answer = scorer.infer(kit.tensors(ROWS)).json()
    decisions, gone = expected(kit.output(answer, "score"))
    scorer.drain()
    found = [segments.parse(path.read_bytes()) for path in sorted((folder / "log").glob("*.arrow"))]
    rows = [row for each in found for row in each.table.to_pylist()]
    mine = {row["prediction_id"]: row for row in rows if row["role"] == "champion"}
    ordered = [mine[name] for name in kit.output(answer, "prediction_id")]
    assert [row["decision"] for row in ordered] == decisions
    assert [row["referred"] for row in ordered] == gone
    shadow = [row for row in rows if row["role"] == "shadow"]
    assert len(shadow) == 5
    assert all(row["decision"] is not None and row["referred"] is False for row in shadow)
    assert sum(each.referred for each in found) == sum(gone)


def test_a_band_that_is_not_the_approved_bundles_is_refused(folder: Path) -> None:
    named = kit.write_bundle(folder, -1.0, review=BAND)
    for at, wrong in enumerate((None, Band(low=0.1, high=0.9))):
        route = kit.route("champion", 1, named, review=wrong)
        kit.put_rollout(folder, kit.sign(kit.document(3 + at, route, format=2)))
        with kit.Process(folder) as scorer:
            refused = scorer.infer(kit.tensors(ROWS))
            assert refused.status_code == 503
            assert "refers other scores" in refused.text


def test_without_a_band_nothing_is_said_of_it(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        answer = scorer.infer(kit.tensors(ROWS)).json()
        assert [each["name"] for each in answer["outputs"]] == ["score", "decision", "prediction_id", "version"]
        told = scorer.http.get(f"/v2/models/{kit.ENDPOINT}").json()
        assert "referred" not in msgspec.json.encode(told).decode()
