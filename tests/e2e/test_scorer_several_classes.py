"""A running scorer of several classes: each form of an answer, what is logged, canary, shadow, and what it refuses."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn import linear_model

from podium.bundle import columns, golden, read, runtime, write
from podium.bundle.export import frame, onnx
from podium.core import bundle, digest
from podium.core.signature import Field, FieldType, Signature, Task
from podium.monitor.intake import segments
from podium.scoring import request, several
from podium.scoring.protocols import arrow, outputs
from podium.scoring.protocols.grpc import infer
from podium.version import VERSION
from tests import scoring_kit as kit

LABELS = ("on time", "late", "cancelled")
SIGNATURE = Signature(
    features=(
        Field(name="distance", type=FieldType.NUMBER),
        Field(name="hour", type=FieldType.INTEGER),
    ),
    task=Task.MULTICLASS,
    key="flight",
    target="fate",
    classes=LABELS,
)
ROWS: dict[str, list[Any]] = {
    "distance": [100.0, 700.0, 1000.0, 1400.0, 1900.0],
    "hour": [1, 3, 0, 22, 20],
    "flight": ["a", "b", "c", "d", "e"],
}


def write_bundle(folder: Path, seed: int = 1, labels: tuple[str, ...] = LABELS) -> str:
    """A fitted model of three classes as a bundle in a scorer's folder; its digest."""
    chance = np.random.default_rng(seed)
    rows = pd.DataFrame({"distance": chance.uniform(100, 2000, 300), "hour": chance.integers(0, 24, 300).astype(float)})
    sums = np.column_stack([np.full(300, 2.0), rows["hour"] / 6.0, 3.0 - rows["distance"] / 300.0])
    target = (sums + chance.gumbel(0, 1, sums.shape)).argmax(axis=1).astype(float)
    described = msgspec.structs.replace(SIGNATURE, classes=labels)
    made = onnx.export(linear_model.LogisticRegression(max_iter=2000).fit(rows, target), described, rows)
    files = {
        bundle.MODEL: made.model,
        bundle.GOLDEN: golden.encode(
            described, columns.take(frame.table(described, rows), slice(0, 40)), made.expected[:40]
        ),
    }
    manifest = msgspec.structs.replace(kit.manifest(), signature=described, threshold=None, parity=made.parity)
    named = write.seal(manifest, files)[0]
    write.write(folder / "bundles" / named.removeprefix(digest.PREFIX), manifest, files)
    (folder / "proven").mkdir(exist_ok=True)
    (folder / "proven" / named.removeprefix(digest.PREFIX)).write_text(VERSION)
    return named


def route(role: str, version: int, named: str, weight: float = 1.0) -> Any:
    return msgspec.structs.replace(kit.route(role, version, named, weight), threshold=None)


def model(folder: Path, named: str) -> runtime.Runtime:
    place = folder / "bundles" / named.removeprefix(digest.PREFIX)
    return runtime.Runtime(place, read.verify(place, named))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kit.prepare(tmp_path)
    champion, shadow = write_bundle(tmp_path, 1), write_bundle(tmp_path, 2)
    routes = route("champion", 1, champion), route("shadow", 2, shadow, 0.0)
    kit.put_rollout(tmp_path, kit.sign(kit.document(2, *routes)))
    return tmp_path


@pytest.fixture
def scorer(folder: Path) -> Iterator[kit.Process]:
    with kit.Process(folder) as process:
        yield process


def expected(folder: Path, seed: int = 1) -> Any:
    return model(folder, write_bundle(folder, seed)).predict(columns.from_lists(SIGNATURE, ROWS))


def check(answer: dict[str, Any], chances: Any) -> None:
    names = ["score", "prediction_id", "version", "class", *(f"p.{label}" for label in LABELS)]
    assert [each["name"] for each in answer["outputs"]] == names
    found = np.column_stack([kit.output(answer, f"p.{label}") for label in LABELS])
    assert found.tobytes() == chances.tobytes()
    assert kit.output(answer, "class") == [LABELS[at] for at in chances.argmax(axis=1)]
    assert kit.output(answer, "score") == chances.max(axis=1).tolist()


def test_rows_together_and_alone(scorer: kit.Process, folder: Path) -> None:
    chances = expected(folder)
    check(scorer.infer(kit.tensors(ROWS)).json(), chances)
    for row in range(5):
        for _ in range(3):  # the second and third go the fast way
            one = scorer.infer(kit.tensors({name: values[row : row + 1] for name, values in ROWS.items()})).json()
            check(one, chances[row : row + 1])
    told = scorer.http.get(f"/v2/models/{kit.ENDPOINT}").json()
    assert [each["name"] for each in told["outputs"]] == [
        "score", "prediction_id", "version", "class", "p.on time", "p.late", "p.cancelled",
    ]  # fmt: skip


def test_the_other_forms_of_an_answer(scorer: kit.Process, folder: Path) -> None:
    chances = expected(folder)
    records = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
    found = scorer.http.post("/invocations", json={"dataframe_records": records}).json()["predictions"]
    assert [each["probabilities"] for each in found] == [
        dict(zip(LABELS, row, strict=True)) for row in chances.tolist()
    ]
    assert [each["class"] for each in found] == [LABELS[at] for at in chances.argmax(axis=1)]
    sink = io.BytesIO()
    table = pa.table(ROWS)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    infer = f"/v2/models/{kit.ENDPOINT}/infer"
    answer = scorer.http.post(infer, content=sink.getvalue(), headers={"content-type": arrow.MEDIA})
    back = pa.ipc.open_stream(answer.content).read_all()
    assert np.column_stack([back.column(f"p.{label}") for label in LABELS]).tobytes() == chances.tobytes()
    assert back.column("class").to_pylist() == [each["class"] for each in found]
    some = [{"name": "p.late", "parameters": {"binary_data": True}}, {"name": "class"}]
    binary = scorer.infer(kit.tensors(ROWS, outputs=some))
    assert binary.content.endswith(np.ascontiguousarray(chances[:, 1]).tobytes())
    wrong = scorer.infer(kit.tensors(ROWS, outputs=[{"name": "probability"}]))
    assert wrong.status_code == 422
    assert "class or p.<class>" in wrong.json()["fix"]


def test_a_message_of_grpc_tells_the_same() -> None:
    chances = np.array([[0.25, 0.5, 0.25], [0.75, 0.125, 0.125]])
    scored = request.Scored(
        request_id="r",
        prediction_ids=["r/0", "r/1"],
        scores=chances.max(axis=1).tolist(),
        decisions=[None, None],
        versions=[1, 1],
        wanted=outputs.Wanted(None, True),
        classed=several.Classed(LABELS, chances),
    )
    made = infer.write(scored, "delay")
    found = {tensor.name: raw for tensor, raw in zip(made.outputs, made.raw_output_contents, strict=True)}
    assert found["p.late"] == chances[:, 1].tobytes()
    assert b"late" in found["class"]
    assert b"on time" in found["class"]
    typed = infer.write(msgspec.structs.replace(scored, wanted=outputs.Wanted(None, False)), "delay")
    by_name = {tensor.name: tensor for tensor in typed.outputs}
    assert list(by_name["class"].contents.bytes_contents) == [b"late", b"on time"]
    assert list(by_name["p.on time"].contents.fp64_contents) == [0.25, 0.75]


def test_the_log_holds_every_probability_of_champion_and_shadow(scorer: kit.Process, folder: Path) -> None:
    answer = scorer.infer(kit.tensors(ROWS)).json()
    scorer.drain()
    parsed = [segments.parse(path.read_bytes()) for path in sorted((folder / "log").glob("*.arrow"))]
    rows = [row for each in parsed for row in each.table.to_pylist()]
    assert {name for each in parsed for name in segments.kinds(each.table)} == {
        "f.distance", "f.hour", "p.on time", "p.late", "p.cancelled",
    }  # fmt: skip
    for seed, role in ((1, "champion"), (2, "shadow")):
        mine = {row["prediction_id"]: row for row in rows if row["role"] == role}
        logged = [mine[name] for name in kit.output(answer, "prediction_id")]
        chances = expected(folder, seed)
        assert np.array([[row[f"p.{label}"] for label in LABELS] for row in logged]).tobytes() == chances.tobytes()
        assert [row["score"] for row in logged] == chances.max(axis=1).tolist()
        assert all((row["decision"], row["threshold"], row["referred"]) == (None, None, False) for row in logged)
        assert [row["f.distance"] for row in logged] == ROWS["distance"]


def test_a_canary_tells_its_own_probabilities(folder: Path) -> None:
    named = [write_bundle(folder, seed) for seed in (1, 2)]
    routes = route("champion", 1, named[0], 0.5), route("canary", 2, named[1], 0.5)
    kit.put_rollout(folder, kit.sign(kit.document(3, *routes)))
    both = {1: expected(folder, 1), 2: expected(folder, 2)}
    with kit.Process(folder) as scorer:
        answer = scorer.infer(kit.tensors(ROWS)).json()
    versions = kit.output(answer, "version")
    assert set(versions) == {1, 2}
    check({"outputs": answer["outputs"]}, np.array([both[version][row] for row, version in enumerate(versions)]))


def test_versions_that_tell_other_classes_are_not_served_together(folder: Path) -> None:
    named = write_bundle(folder, 1), write_bundle(folder, 2, LABELS[::-1])
    kit.put_rollout(
        folder, kit.sign(kit.document(3, route("champion", 1, named[0]), route("shadow", 2, named[1], 0.0)))
    )
    with kit.Process(folder) as scorer:
        refused = scorer.infer(kit.tensors(ROWS))
        assert refused.status_code == 503
        assert "the same classes" in refused.text


def test_what_is_wrong_is_told_as_of_any_model(scorer: kit.Process) -> None:
    wrong = scorer.infer(kit.tensors({**ROWS, "hour": [1, 2, 3, 4, 5.5]}))
    assert wrong.status_code == 422
    assert wrong.json()["field"] == "hour"


def test_an_explanation_adds_up_to_the_probability_of_the_most_probable_class(
    scorer: kit.Process, folder: Path
) -> None:
    chances = expected(folder)
    asked = scorer.http.post(f"/v2/models/{kit.ENDPOINT}/explain", json=kit.tensors(ROWS))
    assert asked.status_code == 200, asked.text
    told = asked.json()
    assert kit.output(told, "class") == [LABELS[at] for at in chances.argmax(axis=1)]
    assert kit.output(told, "score") == chances.max(axis=1).tolist()
    added = np.array(kit.output(told, "contributions")).reshape(5, 2).sum(axis=1)
    np.testing.assert_allclose(added + kit.output(told, "base"), chances.max(axis=1), atol=1e-9)
    assert set(kit.output(told, "method")) == {"permutations"}
    assert set(kit.output(told, "scale")) == {"probability"}
