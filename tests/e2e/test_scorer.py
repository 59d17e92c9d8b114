"""Real scorer processes: what they answer, what they refuse, and what they keep when they are killed."""

import functools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pytest

from podium.core import digest
from podium.scoring.log import recover
from tests import scoring_kit as kit
from tests.patience import until
from tests.unit.test_scoring_protocols import MALFORMED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scorer")
    kit.prepare(made)
    return made


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Iterator[kit.Process]:
    with kit.Process(folder) as process:
        yield process


@pytest.fixture
def plane() -> Iterator[kit.ControlPlane]:
    made = kit.ControlPlane()
    yield made
    made.close()


def logged(folder: Path) -> list[dict[str, Any]]:
    """All rows of all segments in a folder."""
    return [row for path in folder.glob("*.arrow") for row in read(path.read_bytes())]


def read(data: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.ipc.open_stream(data).read_all().to_pylist()
    return rows


def test_infer_scores_rows_and_logs_them(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path) as process:
        sent = kit.tensors({**kit.ROWS, "flight": ["UA1", "UA2", "UA3"]}, id="req-a")
        answer = process.infer(sent).json()
        assert kit.output(answer, "prediction_id") == ["req-a/0", "req-a/1", "req-a/2"]
        assert kit.output(answer, "score") == pytest.approx([0.2994328575, 0.8859981312, 0.5744425168], abs=1e-9)
        assert kit.output(answer, "decision") == [False, True, True]
        assert answer["model_version"] == "1"
        assert process.infer(sent).json() == answer
        assert process.drain() == {"shipped": 0, "waiting": 1}
        assert process.stop() == 0
    rows = logged(tmp_path / "log")
    assert len(rows) == 6
    assert [row["key"] for row in rows[:3]] == ["UA1", "UA2", "UA3"]
    assert (rows[1]["f.distance"], rows[1]["f.hour"], rows[1]["rollout"]) == (1900.5, 23, 1)
    assert rows[2]["score"] == kit.output(answer, "score")[2]
    (sealed,) = (tmp_path / "log").glob("*.arrow")
    assert sealed.with_suffix(".arrow.sha256").read_text() == digest.of_bytes(sealed.read_bytes())


def test_the_protocols_other_paths(scorer: kit.Process) -> None:
    http = scorer.http
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/delay", "/v2/models/delay/ready", "/ping"):
        assert http.get(path).status_code == 200, path
    for path in ("/health", "/version", "/metrics", "/v2/models/delay/versions/1", "/v2/models/delay/versions/1/ready"):
        assert http.get(path).status_code == 200, path
    assert http.post("/v2/models/delay/versions/1/infer", json=kit.tensors()).status_code == 200
    named = [each["name"] for each in http.get("/v2/models/delay").json()["inputs"]]
    assert named == ["distance", "hour", "flight"]


def test_mlflow_answers_as_oip_does(scorer: kit.Process) -> None:
    expected = kit.output(scorer.infer(kit.tensors()).json(), "score")
    for path in ("/invocations", "/endpoints/delay/invocations"):
        answer = scorer.http.post(path, json={"inputs": kit.ROWS}, headers={"X-Request-Id": "mine"}).json()
        assert [row["score"] for row in answer["predictions"]] == expected
        assert answer["predictions"][2]["prediction_id"] == "mine/2"
    lines = "distance,hour\n100,1\n1900.5,23\n700,12\n"
    answer = scorer.http.post("/invocations", content=lines, headers={"Content-Type": "text/csv"}).json()
    assert [row["score"] for row in answer["predictions"]] == expected


def test_no_bad_body_is_a_fault_of_ours(scorer: kit.Process) -> None:
    """Malformed JSON and wrong values: 400 or 422, a problem that names the field, never the input."""
    canary = "zq81canary"
    wrong = [
        kit.tensors({"distance": [1.0]}),
        kit.tensors({"distance": [canary], "hour": [1]}),
        kit.tensors({"distance": [1.0], "hour": [1.5]}),
        kit.tensors({"distance": [True], "hour": [1]}),
        kit.tensors({"distance": [[1.0]], "hour": [1]}),
        kit.tensors({"distance": [{}], "hour": [1]}),
        kit.tensors({"distance": [None], "hour": [1]}),
        kit.tensors({"distance": [1e308], "hour": [2**62]}),
        kit.tensors({"distance": [1.0], "hour": [2**53 + 2]}),
        kit.tensors({"distance": [1.0], "hour": [1], "flight": [{canary: 1}]}),
        kit.tensors({"distance": [1.0], "hour": [1]}, id=canary * 30),
        {canary: canary},
    ]
    bodies = [*MALFORMED, *(json.dumps(body).encode() for body in wrong)]
    assert len(bodies) >= 40
    for path in ("/v2/models/delay/infer", "/invocations"):
        for body in bodies:
            answer = scorer.http.post(path, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in (400, 422), (body[:60], answer.status_code)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["field"]
            assert canary not in answer.text


def test_wrong_paths_methods_types_and_sizes(scorer: kit.Process) -> None:
    http = scorer.http
    assert http.get("/nothing").status_code == 404
    assert http.get("/v2/models/absent").status_code == 404
    assert http.get("/v2/models/delay/versions/9").status_code == 404
    assert http.get("/v2/models/%2e%2e/ready").status_code == 404
    for nameless in ("/v2/models//infer", "/v2/models/delay/versions//infer", "/endpoints//invocations"):
        assert http.post(nameless, json=kit.tensors()).status_code == 404
    answer = http.get("/v2/models/delay/infer")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert http.delete("/invocations").status_code == 405
    assert http.post("/invocations", content=b"{}").status_code == 415
    latin = {"Content-Type": "application/json; charset=latin-1"}
    assert http.post("/invocations", content=b"{}", headers=latin).status_code == 415
    plain = {"Content-Type": "application/json"}
    assert http.post("/invocations", content=b" " * (16 * 2**20 + 1), headers=plain).status_code == 413
    pieces = (b" " * 2**20 for _ in range(17))
    assert http.post("/invocations", content=pieces, headers=plain).status_code == 413
    assert http.post("/admin/drain").status_code == 403
    assert http.post("/admin/drain", headers=[(b"Authorization", "Bearer é".encode("latin-1"))]).status_code == 403


def test_null_where_the_model_has_no_answer_is_not_our_fault(scorer: kit.Process) -> None:
    answer = scorer.infer(kit.tensors({"distance": [1.0, 2.0], "hour": [1, None]}))
    assert (answer.status_code, answer.json()["field"]) == (422, "score")
    assert "row 1" in answer.json()["detail"]


def test_what_is_not_approved_tampered_or_foreign_is_refused(tmp_path: Path) -> None:
    named, other = kit.prepare(tmp_path, -1.0, -2.0)
    with kit.Process(tmp_path) as process:
        before = process.infer(kit.tensors(id="x")).json()

        def refused(signed: Any, reason: str) -> None:
            kit.put_rollout(tmp_path, signed)
            until(lambda: reason in json.dumps(process.status()["refused"]))
            assert process.infer(kit.tensors(id="x")).json() == before
            assert process.status()["rollouts"] == {"delay": 1}

        refused(kit.sign(kit.document(2, kit.route("champion", 2, other, 1.0, ()))), other[7:19])
        good = kit.sign(kit.document(3, kit.route("champion", 2, other)))
        refused(msgspec.structs.replace(good, body=good.body.replace(b'"number":3', b'"number":4')), "signature")
        refused(kit.sign(good.rollout(), kit.OTHER_KEY), "not trusted")
        refused(kit.sign(kit.document(0, kit.route("champion", 1, named), created_us=kit.NOW)), "not newer")
        refused(kit.sign(kit.document(5, kit.route("champion", 2, other), endpoint="else")), "another endpoint")
        model = tmp_path / "bundles" / other[7:] / "model.onnx"
        kept = model.read_bytes()
        model.write_bytes(kept[:-1] + b"!")
        refused(good, "model.onnx")
        assert "podium_rollouts_refused_total" in process.http.get("/metrics").text
        model.write_bytes(kept)
        kit.put_rollout(tmp_path, kit.sign(kit.document(6, kit.route("champion", 2, other))))
        until(lambda: process.status() == {"rollouts": {"delay": 6}, "refused": {}})


def test_with_nothing_it_may_serve_it_answers_503_with_the_reason(tmp_path: Path) -> None:
    (named,) = kit.prepare(tmp_path)
    kit.put_rollout(tmp_path, kit.sign(kit.document(1, kit.route("champion", 1, named, 1.0, ()))))
    with kit.Process(tmp_path) as process:
        answer = process.infer(kit.tensors())
        assert answer.status_code == 503
        assert named[7:19] in answer.json()["detail"]
        assert process.http.get("/v2/health/ready").status_code == 503
        assert process.http.get("/v2/health/live").status_code == 200


def test_approvals_run_out_while_it_serves(tmp_path: Path) -> None:
    first, second = kit.prepare(tmp_path, -1.0, -2.0)
    clock = tmp_path / "clock"
    clock.write_text(str(kit.NOW))
    routes = (
        kit.route("champion", 1, first, 0.5, kit.both(first, 1, expires_us=kit.NOW + 2_000_000)),
        kit.route("canary", 2, second, 0.5, kit.both(second, 2, expires_us=kit.NOW + 1_000_000)),
    )
    kit.put_rollout(tmp_path, kit.sign(kit.document(2, *routes)))
    many = kit.tensors({"distance": [5.0] * 40, "hour": [1] * 40, "flight": [f"k{row}" for row in range(40)]})
    with kit.Process(tmp_path, clock_file=str(clock)) as process:
        split = kit.output(process.infer(many).json(), "version")
        assert set(split) == {1, 2}
        assert kit.output(process.infer(many).json(), "version") == split
        clock.write_text(str(kit.NOW + 1_000_000))
        assert set(kit.output(process.infer(many).json(), "version")) == {1}
        clock.write_text(str(kit.NOW + 2_000_000))
        answer = process.infer(many)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert first[7:19] in answer.json()["detail"]


def test_shadows_score_the_same_rows_under_the_same_ids(tmp_path: Path) -> None:
    first, second = kit.prepare(tmp_path, -1.0, -2.0)
    routes = (kit.route("champion", 1, first), kit.route("shadow", 2, second, 0.0))
    kit.put_rollout(tmp_path, kit.sign(kit.document(2, *routes)))
    with kit.Process(tmp_path) as process:
        for number in range(50):
            assert set(kit.output(process.infer(kit.tensors(id=f"r{number}")).json(), "version")) == {1}
        process.drain()
    rows = logged(tmp_path / "log")
    by_role = {role: {row["prediction_id"] for row in rows if row["role"] == role} for role in ("champion", "shadow")}
    assert by_role["champion"] == by_role["shadow"]
    assert len(rows) == 300
    assert {row["digest"] for row in rows if row["role"] == "shadow"} == {second}


def test_the_control_plane_may_go_and_come_back(tmp_path: Path, plane: kit.ControlPlane) -> None:
    first, second = (kit.bundle_digest(bias) for bias in (-1.0, -2.0))
    plane.publish(kit.sign(kit.document(1, kit.route("champion", 1, first))), -1.0)
    with kit.Process(tmp_path, url=plane.url, name="scorer-1") as process:
        until(lambda: process.status()["rollouts"] == {"delay": 1})
        assert process.infer(kit.tensors(id="one")).status_code == 200
        plane.down = True
        assert process.infer(kit.tensors(id="two")).status_code == 200
        process.kill()
    assert len(list((tmp_path / "log").glob("*.open"))) == 1
    with kit.Process(tmp_path, url=plane.url, name="scorer-1") as process:
        assert process.infer(kit.tensors(id="three")).status_code == 200
        assert plane.segments == {}
        plane.down = False
        plane.publish(kit.sign(kit.document(2, kit.route("champion", 2, second))), -2.0)
        until(lambda: process.status()["rollouts"] == {"delay": 2})
        assert process.drain()["waiting"] == 0
        plane.publish(kit.sign(kit.document(3, kit.route("champion", 1, first, 1.0, ()))))
        until(lambda: bool(plane.reports[-1]["refused"]))
        assert plane.reports[-1]["rollouts"] == {"delay": 2}
        assert plane.reports[-1]["refused"]["delay"]["number"] == 3
        assert process.stop() == 0
    ids = Counter(row["request_id"] for data in plane.segments.values() for row in read(data))
    assert ids == {"one": 3, "two": 3, "three": 3}
    assert list((tmp_path / "log").iterdir()) == []


def test_a_disk_that_refuses_is_never_an_acknowledged_prediction(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    log = tmp_path / "log"
    with kit.Process(tmp_path, segment_seconds=0.1) as process:
        assert process.infer(kit.tensors(id="before")).status_code == 200
        until(lambda: not list(log.glob("*.open")))
        log.rename(tmp_path / "away")
        log.write_text("in the way")
        answer = process.infer(kit.tensors(id="lost"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "podium_log_failing 1" in process.http.get("/metrics").text
        log.unlink()
        (tmp_path / "away").rename(log)
        assert process.infer(kit.tensors(id="after")).status_code == 200
        process.stop()
    assert Counter(row["request_id"] for row in logged(log)) == {"before": 3, "after": 3}


class Load:
    """Threads that keep asking; what was acknowledged, and what failed."""

    def __init__(self, url: str, name: str, threads: int = 4) -> None:
        self.acknowledged: dict[str, list[float]] = {}
        self.failed: list[Any] = []
        self.versions: Counter[int] = Counter()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(url, f"{name}-{number}")) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, url: str, name: str) -> None:
        with httpx.Client(base_url=url, timeout=10) as http:
            number = 0
            while not self._stop.is_set():
                number += 1
                try:
                    answer = http.post("/v2/models/delay/infer", json=kit.tensors(id=f"{name}-{number}"))
                    answer.raise_for_status()
                except httpx.HTTPError as problem:
                    self.failed.append(problem)
                    if isinstance(problem, httpx.TransportError):
                        return
                    continue
                found = answer.json()
                self.acknowledged[f"{name}-{number}"] = kit.output(found, "score")
                self.versions.update(kit.output(found, "version"))

    def has_of(self, version: int) -> bool:
        """Whether some answers came of that version."""
        return self.versions[version] > 10

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_kill_9_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Twenty kills; a second scorer lives on the same folder all the time, and nobody takes its segments."""
    kit.prepare(tmp_path)
    acknowledged: dict[str, list[float]] = {}
    nursery = kit.Nursery(tmp_path)
    with kit.Process(tmp_path, segment_seconds=0.5) as survivor:
        steady = Load(survivor.url, "steady", threads=1)
        for number in range(20):
            pid, url = nursery.start()
            load = Load(url, f"kill{number}")
            time.sleep(0.1 + 0.03 * (number % 7))
            nursery.kill(pid)
            load.stop()
            acknowledged |= load.acknowledged
        steady.stop()
        assert steady.failed == []
        acknowledged |= steady.acknowledged
        survivor.stop()
    nursery.close()
    recover.folder(tmp_path / "log")
    rows = logged(tmp_path / "log")
    scores = {row["prediction_id"]: row["score"] for row in rows}
    assert len(acknowledged) > 100
    assert len(scores) == len(rows)
    assert not list((tmp_path / "log").glob("*.open"))
    for request_id, expected in acknowledged.items():
        assert [scores[f"{request_id}/{row}"] for row in range(3)] == expected


def test_a_new_rollout_under_load_fails_no_request(tmp_path: Path) -> None:
    first, second = kit.prepare(tmp_path, -1.0, -2.0)
    with kit.Process(tmp_path) as process:
        load = Load(process.url, "swap")
        for number in range(2, 12):
            named = (first, second)[number % 2]
            kit.put_rollout(tmp_path, kit.sign(kit.document(number, kit.route("champion", number, named))))
            until(functools.partial(load.has_of, number))
        load.stop()
        process.stop()
    assert load.failed == []
    rows = logged(tmp_path / "log")
    assert {row["request_id"] for row in rows} == set(load.acknowledged)
    assert len(rows) == 3 * len(load.acknowledged)


def test_sigterm_finishes_what_it_began(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path) as process:
        load = Load(process.url, "end")
        until(lambda: len(load.acknowledged) > 20)
        assert process.stop() == 0
        load.stop()
    assert {row["request_id"] for row in logged(tmp_path / "log")} >= set(load.acknowledged)
    assert not list((tmp_path / "log").glob("*.open"))
