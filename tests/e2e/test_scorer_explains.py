"""Explanations of a running scorer: right, apart from scoring, and no more than may wait."""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest

from podium.bundle import signing
from podium.core.errors import Unavailable
from podium.scoring.explain import desk, frames
from tests import scoring_kit as kit
from tests.patience import ended, until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Version 1 (champion, 60 %) tells how its scores come about, version 2 (canary) does not."""
    kit.prepare(tmp_path)
    native, plain = kit.write_bundle(tmp_path, -1.0, explained=True), kit.write_bundle(tmp_path, -0.5)
    document = kit.document(2, kit.route("champion", 1, native, 0.6), kit.route("canary", 2, plain, 0.4))
    kit.put_rollout(tmp_path, kit.sign(document))
    return tmp_path


@pytest.fixture
def scorer(folder: Path) -> Iterator[kit.Process]:
    with kit.Process(folder) as process:
        yield process


def explain(scorer: kit.Process, body: dict[str, Any], rest: str = "") -> httpx.Response:
    return scorer.http.post(f"/v2/models/{kit.ENDPOINT}{rest}/explain", json=body)


def table(answer: dict[str, Any], name: str) -> list[dict[str, float]]:
    found = next(each for each in answer["outputs"] if each["name"] == name)
    features = found["parameters"]["features"]
    assert found["shape"] == [len(found["data"]) // len(features), len(features)]
    width = len(features)
    return [
        dict(zip(features, found["data"][at : at + width], strict=True)) for at in range(0, len(found["data"]), width)
    ]


def test_each_row_is_explained_by_the_version_that_decides_it(scorer: kit.Process) -> None:
    keys = [f"UA{number}" for number in range(12)]
    rows: dict[str, list[Any]] = {"distance": [100.0 * at for at in range(12)], "hour": list(range(12)), "flight": keys}
    scored = scorer.infer(kit.tensors(rows, id="r")).json()
    answer = explain(scorer, kit.tensors(rows, id="r"))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert kit.output(found, "version") == kit.output(scored, "version")
    assert kit.output(found, "score") == kit.output(scored, "score")
    assert set(kit.output(found, "version")) == {1, 2}
    added, errors = table(found, "contributions"), table(found, "standard_errors")
    for row, version in enumerate(kit.output(found, "version")):
        base, margin = kit.output(found, "base")[row], kit.output(found, "margin")[row]
        assert base + sum(added[row].values()) == pytest.approx(margin, abs=1e-9)
        score = kit.output(found, "score")[row]
        if version == 1:
            assert kit.output(found, "method")[row] == "linear"
            assert kit.output(found, "scale")[row] == "log-odds"
            assert 1 / (1 + math.exp(-margin)) == pytest.approx(score, abs=1e-12)
            assert added[row]["distance"] == pytest.approx(0.001 * (100.0 * row - 1050.0), abs=1e-9)
            assert added[row]["hour"] == pytest.approx(0.05 * (row - 9.5), abs=1e-9)
            assert set(errors[row].values()) == {0.0}
        else:
            assert kit.output(found, "method")[row] == "permutations"
            assert kit.output(found, "scale")[row] == "probability"
            assert margin == pytest.approx(score, abs=1e-9)
            assert all(error > 0 for error in errors[row].values())


def test_nothing_is_logged_and_wrong_rows_are_named(scorer: kit.Process) -> None:
    assert explain(scorer, kit.tensors()).status_code == 200
    assert scorer.drain()["waiting"] == 0
    assert not list(scorer.http.get("/metrics").text.split("podium_predictions_total{")[1:])
    bad = explain(scorer, kit.tensors({"distance": [1.0], "hour": [1.5]}))
    assert bad.status_code == 422
    assert bad.json()["field"] == "hour"
    for version in ("", "/versions/1", "/versions/2"):  # nobody explains what is no score, and of which row it is none
        unscored: list[float | None] = [1.0, 2.0, None, 4.0, None]
        none = explain(scorer, kit.tensors({"distance": unscored, "hour": [1] * 5}), version)
        assert (none.status_code, none.json()["field"]) == (422, "score")
        assert "row 2" in none.json()["detail"] or (not version and "row 4" in none.json()["detail"])
    many = explain(scorer, kit.tensors({"distance": [1.0] * 101, "hour": [1] * 101}))
    assert many.status_code == 422
    assert explain(scorer, kit.tensors(), "/versions/9").status_code == 404
    one = explain(scorer, kit.tensors(), "/versions/2").json()
    assert one["model_version"] == "2"
    assert scorer.http.get(f"/v2/models/{kit.ENDPOINT}/explain").status_code == 405


def test_a_killed_explainer_costs_one_answer_and_no_score(scorer: kit.Process) -> None:
    assert explain(scorer, kit.tensors()).status_code == 200
    child = psutil.Process(scorer.process.pid).children()[0]
    assert child.nice() >= 10
    os.kill(child.pid, signal.SIGSTOP)
    asked = threading.Thread(target=lambda: explain(scorer, kit.tensors()))
    asked.start()
    assert scorer.infer(kit.tensors()).status_code == 200
    child.kill()
    asked.join(timeout=20)
    assert explain(scorer, kit.tensors()).status_code == 200


def test_beyond_those_that_may_wait_the_answer_is_429_at_once(scorer: kit.Process) -> None:
    assert explain(scorer, kit.tensors()).status_code == 200
    child = psutil.Process(scorer.process.pid).children()[0]
    child.suspend()
    codes: list[int] = []
    asked = [
        threading.Thread(target=lambda: codes.append(explain(scorer, kit.tensors()).status_code))
        for _ in range(desk.MOST_WAITING + 3)
    ]
    for each in asked:
        each.start()
    until(lambda: len(codes) >= 3)
    assert codes == [429] * 3
    assert scorer.infer(kit.tensors()).status_code == 200
    child.resume()
    for each in asked:
        each.join(timeout=20)
    assert sorted(codes) == [200] * desk.MOST_WAITING + [429] * 3


def test_the_explainer_ends_with_its_scorer(scorer: kit.Process) -> None:
    assert explain(scorer, kit.tensors()).status_code == 200
    child = psutil.Process(scorer.process.pid).children()[0]
    scorer.kill()
    until(lambda: ended(child))


def test_an_explanation_that_takes_too_long_is_given_up(folder: Path) -> None:
    named = kit.write_bundle(folder, -1.0, explained=True)
    place = folder / "bundles" / named.removeprefix("sha256:")
    version = frames.Version(number=1, digest=named, folder=str(place))
    body = msgspec.json.encode(kit.tensors())
    asked = frames.Ask(endpoint="delay", headers={}, body=body, request_id="r", champion=version)
    hasty, patient = desk.Desk(seconds=0.05), desk.Desk()
    try:
        with pytest.raises(Unavailable):
            hasty.ask(asked)
        told = patient.ask(asked)
        assert (told.status, told.rows) == (200, 3)
        patient.seconds = 0.5
        (child,) = (each for each in psutil.Process().children() if "podium.scoring.explain.child" in each.cmdline())
        child.suspend()
        large = msgspec.structs.replace(asked, body=body + b" " * 1_000_000)  # more than a pipe holds
        with pytest.raises(Unavailable):
            patient.ask(large)
        patient.seconds = desk.SECONDS
        assert patient.ask(large).rows == 3
    finally:
        hasty.close()
        patient.close()
    assert (hasty.waiting, patient.done) == (0, 6)


def test_drains_that_wait_for_a_disk_far_away_keep_no_explanation_waiting(tmp_path: Path) -> None:
    plane = kit.ControlPlane()
    stored = threading.Event()

    def slowly(method: str, _path: list[str]) -> None:
        if method == "PUT":
            stored.wait(30)

    plane.instead = slowly
    (tmp_path / "public.key").write_bytes(signing.public(kit.KEY))
    plane.publish(kit.sign(kit.document(1, kit.route("champion", 1, kit.bundle_digest(-1.0)))), -1.0)
    with kit.Process(tmp_path, url=plane.url, token="t", segment_seconds=600) as scorer:
        until(lambda: scorer.infer(kit.tensors()).status_code == 200)
        with ThreadPoolExecutor(40) as threads:
            drains = [threads.submit(scorer.drain) for _ in range(40)]
            until(lambda: scorer.http.get("/metrics").status_code == 200)
            time.sleep(0.5)
            said = httpx.post(f"{scorer.url}/v2/models/{kit.ENDPOINT}/explain", json=kit.tensors(), timeout=5)
            assert said.status_code in (200, 409, 422)
            assert not any(each.done() for each in drains)
            stored.set()
            assert all(each.result()["waiting"] == 0 for each in drains)
    plane.close()
