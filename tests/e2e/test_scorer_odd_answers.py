"""A model that fails on a row says so to who sent it, and to nobody else; what is only of another type is served."""

import functools
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
from onnx import TensorProto

from podium.core import bundle
from tests import odd_models as odd
from tests import patience
from tests import scoring_kit as kit


def turn(process: kit.Process, calls: list[tuple[str, dict[str, Any]]]) -> list[tuple[int, Any]]:
    """The answers to requests that come in one piece, and so are scored together."""
    host, port = process.url.removeprefix("http://").split(":")
    sent = b""
    for endpoint, said in calls:
        body = msgspec.json.encode(said)
        head = f"POST /v2/models/{endpoint}/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        sent += f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection((host, int(port)), timeout=30) as connection, connection.makefile("rb") as file:
        connection.sendall(sent)
        return [_answer(file) for _ in calls]


def _answer(file: Any) -> tuple[int, Any]:
    status, length = int(file.readline().split()[1]), 0
    while (line := file.readline().strip().lower()) != b"":
        name, _, value = line.partition(b":")
        length = int(value) if name == b"content-length" else length
    return status, msgspec.json.decode(file.read(length))


def score(answer: tuple[int, Any]) -> float | None:
    outputs = {each["name"]: each["data"] for each in answer[1].get("outputs", [])}
    return outputs["score"][0] if answer[0] == 200 else None


def _ready(process: kit.Process, endpoint: str) -> bool:
    return process.http.get(f"/v2/models/{endpoint}/ready").status_code == 200


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("odd")
    kit.prepare(folder)
    single = odd.graph(odd.IN_SINGLE, odd.SCALE, kind=TensorProto.FLOAT)
    odd.serve(folder, "dropping", {bundle.MODEL: odd.graph(odd.WITHOUT_NULLS, odd.DROPPING)})
    odd.serve(folder, "looked-up", {bundle.MODEL: odd.graph(odd.BY_TABLE, odd.TABLE)})
    odd.serve(folder, "single", {bundle.MODEL: single})
    with kit.Process(folder) as process:
        for endpoint in ("dropping", "looked-up", "single"):
            patience.until(functools.partial(_ready, process, endpoint), f"{endpoint} is ready")
        yield process


def test_a_row_that_the_model_leaves_out_does_not_move_the_scores_of_others(scorer: kit.Process) -> None:
    amounts = [None, 500.0, 700.0, None, 900.0]
    answers = turn(scorer, [("dropping", odd.tensors([amount])) for amount in amounts])
    assert [status for status, _ in answers] == [422, 200, 200, 422, 200]
    assert [score(each) for each in answers] == [None, 0.5, pytest.approx(0.7), None, 0.9]
    assert "fails on these rows" in answers[0][1]["detail"]


def test_what_onnx_runtime_raises_is_told_to_who_sent_it(scorer: kit.Process) -> None:
    answers = turn(scorer, [("looked-up", odd.tensors([amount])) for amount in (99.0, 3.0)])
    assert [status for status, _ in answers] == [422, 200]
    assert answers[0][1]["field"] == "model"
    assert score(answers[1]) == 0.003


def test_a_float32_score_is_served(scorer: kit.Process) -> None:
    (answer,) = turn(scorer, [("single", odd.tensors([5.0]))])
    assert score(answer) == pytest.approx(0.005)


def test_an_explanation_of_such_a_row_is_refused_and_the_next_is_made(scorer: kit.Process) -> None:
    for endpoint, bad in (("looked-up", 99.0), ("dropping", None)):
        path = f"/v2/models/{endpoint}/explain"
        told = scorer.http.post(path, json=odd.tensors([bad]), timeout=60)
        assert (told.status_code, "fails on these rows" in told.text) == (422, True)
        assert scorer.http.post(path, json=odd.tensors([3.0]), timeout=60).status_code == 200
