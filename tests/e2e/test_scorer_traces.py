"""Traces and the access log of a running scorer, as operators see them."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from podium.core import trace
from tests import engine_kit
from tests import scoring_kit as kit
from tests.vendor import Vendor

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Scorer:
    """`podium scorer` over a folder, with its log kept."""

    def __init__(self, folder: Path, **settings: str) -> None:
        environment = {**os.environ, "PODIUM_URL": "", "PODIUM_SCORER_PORT": "0", "PYTHONPATH": "src:."}
        environment |= {f"PODIUM_{name.upper()}": value for name, value in settings.items()}
        self.log = folder / "scorer.stderr"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "podium.cli.main", "scorer", "--project", kit.PROJECT, "--folder", str(folder)],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=Path(__file__).parents[2],
            )
        assert self.process.stdout is not None
        self.http = httpx.Client(base_url=self.process.stdout.readline().decode().split()[-1], timeout=20)

    def infer(self, body: Any, **headers: str) -> httpx.Response:
        return self.http.post(f"/v2/models/{kit.ENDPOINT}/infer", json=body, headers=headers)

    def stop(self) -> list[dict[str, Any]]:
        """End it; the lines of its log."""
        self.http.close()
        self.process.terminate()
        self.process.communicate(timeout=30)
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


def prepare(folder: Path) -> None:
    kit.prepare(folder)
    (folder / "keys").mkdir(exist_ok=True)
    (folder / "keys" / "k.json").write_bytes((folder / "public.key").read_bytes())


def test_answers_say_the_trace_and_nothing_where_there_is_none(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        body = kit.tensors({name: values[:1] for name, values in kit.ROWS.items()}, id="r1")
        plain = scorer.infer(body)
        assert "traceresponse" not in plain.headers
        for rest, sent in (
            ("infer", body),
            ("infer", kit.tensors(id="r2")),
            ("infer", {"inputs": []}),
            ("nowhere", {}),
        ):
            answer = scorer.http.post(
                f"/v2/models/{kit.ENDPOINT}/{rest}", json=sent, headers={"traceparent": PARENT, "tracestate": "a=1"}
            )
            said = trace.parse(answer.headers["traceresponse"])
            assert said is not None
            assert (said[0], said[2]) == (TRACE, 1)
            assert said[1] != "b7ad6b7169203331"
        traced = scorer.http.post(f"/v2/models/{kit.ENDPOINT}/infer", json=body, headers={"traceparent": PARENT})
        assert traced.content == plain.content
        wrong = scorer.http.get("/v2/health/live", headers={"traceparent": "00-zz-b7ad6b7169203331-01"})
        restarted = trace.parse(wrong.headers["traceresponse"])
        assert restarted is not None
        assert restarted[0] != TRACE
        two = httpx.Headers([("traceparent", PARENT), ("traceparent", PARENT)])
        assert TRACE not in scorer.http.get("/v2/health/live", headers=two).headers["traceresponse"]


def test_the_access_log_has_a_line_for_each_request(tmp_path: Path) -> None:
    prepare(tmp_path)
    scorer = Scorer(tmp_path, access_log="1")
    one = scorer.infer(kit.tensors(id="mine"), traceparent=PARENT)
    assert one.status_code == 200
    assert scorer.infer({"inputs": []}).status_code == 422
    assert scorer.http.get("/v2/health/ready").status_code == 200
    lines = [line for line in scorer.stop() if line["logger"] == "podium.access"]
    assert [(line["method"], line["status"]) for line in lines] == [("POST", 200), ("POST", 422), ("GET", 200)]
    first = lines[0]
    assert first["level"] == "info"
    assert first["request_id"] == "mine"
    assert first["endpoint"] == kit.ENDPOINT
    assert first["trace_id"] == TRACE
    assert first["parent_id"] == "b7ad6b7169203331"
    assert first["span_id"] == one.headers["traceresponse"].split("-")[2]
    assert first["bytes"] == len(one.content)
    assert 0 < first["seconds"] < 10
    assert first["time"].endswith("Z")
    assert "trace_id" in lines[2]


def test_the_access_log_is_off_until_asked_for_but_faults_of_a_trace_are_told(tmp_path: Path) -> None:
    prepare(tmp_path)
    kit.put_rollout(tmp_path, kit.sign(kit.document(2, kit.route("champion", 1, kit.bundle_digest(), approvals=()))))
    scorer = Scorer(tmp_path)
    assert scorer.infer(kit.tensors()).status_code == 503
    assert scorer.infer(kit.tensors(), traceparent=PARENT).status_code == 503
    lines = scorer.stop()
    told = [line for line in lines if line["logger"] == "podium.access"]
    assert [(line["level"], line["status"], line["trace_id"]) for line in told] == [("warning", 503, TRACE)]
    assert any("refused" in line["message"] for line in lines)


def test_a_model_that_others_serve_is_asked_within_the_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    with contextlib.closing(Vendor()) as vendor:
        vendor.list_in(home)
        monkeypatch.setenv("HOME", str(home))
        folder = tmp_path / "scorer"
        kit.prepare(folder)
        engine_kit.serve(folder, "oip", engine_kit.write_bundle(folder, engine_kit.kinds(vendor.url)["oip"]()))
        with kit.Process(folder) as scorer:
            vendor.calls.clear()
            body = engine_kit.tensors(engine_kit.rows(2))
            headers = {"traceparent": PARENT, "tracestate": "a=1"}
            answer = scorer.http.post("/v2/models/oip/infer", json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            asked = vendor.calls[-1]
            assert asked["traceparent"] == answer.headers["traceresponse"]
            assert asked["tracestate"] == "a=1"
            assert scorer.http.post("/v2/models/oip/infer", json=body).status_code == 200
            assert "traceparent" not in vendor.calls[-1]
