"""What a running scorer says of itself: every number declared, well formed, and right; and the protocol's health."""

import json
import re
import socket
import time
from pathlib import Path

import grpc
import psutil
import pytest

from podium.core.review import Band
from podium.scoring.metrics import BUCKETS, DURATION, METRICS
from podium.scoring.protocols.grpc import messages
from podium.version import VERSION
from tests import scoring_kit as kit

_SAMPLE = re.compile(r'([a-z_]+)(\{(?:[a-z_]+="[^"\\\n]*",?)+\})? (\S+)')
_LABEL = re.compile(r'([a-z_]+)="([^"]*)"')
ATTRIBUTES = ("endpoint", "http_request_method", "http_response_status_code", "http_route")
MODEL = "/v2/models/{endpoint}"
INFER = f"{MODEL}/infer"
Series = dict[tuple[tuple[str, str], ...], float]


def scraped(text: str) -> dict[str, Series]:
    """The samples by name; fails on a line that Prometheus would not take."""
    found: dict[str, Series] = {}
    typed: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in typed
            typed[name] = kind
        elif not line.startswith("# HELP "):
            match = _SAMPLE.fullmatch(line)
            assert match is not None, line
            name, labels, value = match.groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name) if name.startswith(DURATION) else name
            assert typed[family] == METRICS[family].kind
            key = tuple(_LABEL.findall(labels or ""))
            assert key not in found.setdefault(name, {})
            found[name][key] = float(value)
            allowed = {*METRICS[family].labels, *(["le"] if name.endswith("_bucket") else [])}
            assert {label for label, _ in key} <= allowed
    assert set(typed) == set(METRICS)
    return found


def timed(found: dict[str, Series]) -> dict[tuple[str, ...], float]:
    """How many requests took some time, by endpoint, method, status and route."""
    counts = found[f"{DURATION}_count"].items()
    return {tuple(dict(labels).get(name, "") for name in ATTRIBUTES): count for labels, count in counts}


def test_every_number_is_declared_and_right(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    named = kit.write_bundle(tmp_path, review=Band(low=0.4, high=0.6), explained=True)
    route = kit.route("champion", 7, named, review=Band(low=0.4, high=0.6))
    kit.put_rollout(tmp_path, kit.sign(kit.document(2, route, format=2)))
    with kit.Process(tmp_path) as scorer:
        body = kit.tensors({"distance": [100.0, 1000.0], "hour": [1, 0]})
        for _ in range(5):
            answer = scorer.infer(body).json()
        assert scorer.infer({"inputs": []}).status_code == 422
        assert scorer.http.post(f"/v2/models/{kit.ENDPOINT}/explain", json=body).status_code == 200
        scorer.drain()
        answer_text = scorer.http.get("/metrics")
        assert answer_text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = scraped(answer_text.text)
        process = psutil.Process(scorer.process.pid)
        memory, started = process.memory_info().rss, process.create_time()
    assert kit.output(answer, "referred") == [False, True]
    own = (("endpoint", kit.ENDPOINT),)
    assert found["podium_requests_total"][*own, ("status", "200")] == 6
    assert found["podium_requests_total"][*own, ("status", "422")] == 1
    assert found["model_infer_request_success_total"] == {(("model", kit.ENDPOINT),): 5}
    assert found["model_infer_request_failure_total"] == {(("model", kit.ENDPOINT),): 1}
    assert found["podium_predictions_total"] == {(*own, ("role", "champion"), ("version", "7")): 10}
    assert found["podium_referred_total"] == {own: 5}
    assert found["podium_explained_total"] == {(): 2}
    assert found["podium_rollout_number"] == {own: 2}
    assert found["podium_log_rows_waiting"] == {(): 0}
    assert found["podium_log_written_bytes_total"][()] > 100
    assert found["podium_build_info"] == {(("version", VERSION),): 1}
    assert found["http_server_active_requests"][()] >= 0
    assert 0.5 < found["process_resident_memory_bytes"][()] / memory < 2
    assert abs(found["process_start_time_seconds"][()] - started) < 5
    assert found["process_start_time_seconds"][()] < time.time()
    assert found["process_cpu_seconds_total"][()] > 0.05
    assert 5 < found["process_open_fds"][()] < found["process_max_fds"][()]
    assert found["podium_model_up"] == {(*own, ("version", "7")): 1}
    assert timed(found) == {
        (kit.ENDPOINT, "POST", "200", INFER): 5,
        (kit.ENDPOINT, "POST", "422", INFER): 1,
        ("", "POST", "200", f"{MODEL}/explain"): 1,
        ("", "POST", "200", "/admin/drain"): 1,
    }
    scored = (*own, *zip(ATTRIBUTES[1:], ("POST", "200", INFER), strict=True))
    buckets = [found[f"{DURATION}_bucket"][*scored, ("le", str(edge))] for edge in BUCKETS]
    assert buckets == sorted(buckets)
    count = found[f"{DURATION}_count"][scored]
    assert found[f"{DURATION}_bucket"][*scored, ("le", "+Inf")] == count
    assert 0 < found[f"{DURATION}_sum"][scored] < count * BUCKETS[-1]


def test_only_requests_to_score_count_as_inferences(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        assert scorer.infer(kit.tensors()).status_code == 200
        before = scraped(scorer.http.get("/metrics").text)
        for _ in range(10):
            for path in ("", "/ready", "/versions/1", "/versions/1/ready"):
                assert scorer.http.get(f"/v2/models/{kit.ENDPOINT}{path}").status_code == 200
            assert scorer.http.get(f"/v2/models/{kit.ENDPOINT}/versions/9/ready").status_code == 404
            assert scorer.http.get(f"/v2/models/{kit.ENDPOINT}/infer").status_code == 405
            assert scorer.http.post(f"/v2/models/{kit.ENDPOINT}/explain", json=kit.tensors()).status_code == 200
        after = scraped(scorer.http.get("/metrics").text)
    assert before["model_infer_request_success_total"] == {(("model", kit.ENDPOINT),): 1}
    for name in ("model_infer_request_success_total", "model_infer_request_failure_total"):
        assert after.get(name) == before.get(name), name
    infers = {said: count for said, count in timed(after).items() if said[-1] == INFER}
    assert infers == {(kit.ENDPOINT, "POST", "200", INFER): 1, ("", "GET", "405", INFER): 10}
    assert timed(after)["", "GET", "200", f"{MODEL}/ready"] == 10


def test_times_are_told_by_route_method_and_status_as_opentelemetry_has_them(tmp_path: Path) -> None:
    """https://opentelemetry.io/docs/specs/semconv/http/http-metrics/."""
    kit.prepare(tmp_path)
    row = json.dumps(kit.tensors({"distance": [100.0], "hour": [1]})).encode()
    split = {"columns": ["distance", "hour"], "data": [[100.0, 1]]}
    calls = (
        (f"/v2/models/{kit.ENDPOINT}/infer", row),
        ("/invocations", json.dumps({"dataframe_split": split}).encode()),
    )
    pipelined = b"".join(
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (path.encode(), len(body), body)
        for path, body in calls * 3
    )
    with kit.Process(tmp_path, grpc_port=0) as scorer:
        host, port = scorer.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as opened:
            opened.sendall(pipelined)
            said = b""
            while said.count(b"HTTP/1.1 200 OK") < 6:
                said += opened.recv(65536)
        with grpc.insecure_channel(scorer.grpc) as channel:
            infer = channel.unary_unary(f"/{messages.INFERENCE}/ModelInfer")
            with pytest.raises(grpc.RpcError):
                infer(messages.ModelInferRequest(model_name=kit.ENDPOINT).SerializeToString())
        assert scorer.http.request("BREW", "/v2/health/live").status_code == 405
        assert scorer.http.get("/nothing").status_code == 404
        found = scraped(scorer.http.get("/metrics").text)
    assert timed(found) == {
        (kit.ENDPOINT, "POST", "200", INFER): 3,
        (kit.ENDPOINT, "POST", "200", "/invocations"): 3,
        (kit.ENDPOINT, "POST", "422", f"/{messages.INFERENCE}/ModelInfer"): 1,
        ("", "_OTHER", "405", "/v2/health/live"): 1,
        ("", "GET", "404", ""): 1,
    }
    assert found["model_infer_request_success_total"] == {(("model", kit.ENDPOINT),): 6}
    assert found["model_infer_request_failure_total"] == {(("model", kit.ENDPOINT),): 1}


def test_nothing_that_a_caller_sends_becomes_a_label(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        for path in ("/v2/models/evil%22%7D/infer", "/v2/models/unknown/infer", "/x", "/endpoints/unknown/invocations"):
            assert scorer.http.post(path, json={}).status_code == 404
        found = scraped(scorer.http.get("/metrics").text)
    for series in found.values():
        assert not any("evil" in value or value == "unknown" for key in series for _, value in key)


def test_health_is_as_the_protocol_has_it(tmp_path: Path) -> None:
    """https://github.com/open-inference/open-inference-protocol: 200 when live or ready, 4xx or 5xx otherwise."""
    kit.prepare(tmp_path)
    with kit.Process(tmp_path) as scorer:
        get = scorer.http.get
        assert get("/v2/health/live").json() == {"live": True}
        assert get("/v2/health/ready").json() == {"ready": True}
        for path in (f"/v2/models/{kit.ENDPOINT}/ready", f"/v2/models/{kit.ENDPOINT}/versions/1/ready"):
            assert get(path).json() == {"name": kit.ENDPOINT, "ready": True}
        assert get(f"/v2/models/{kit.ENDPOINT}/versions/9/ready").status_code == 404
        assert get("/v2/models/none/ready").status_code == 404
        assert get("/v2/health/ready", headers={"accept": "text/plain"}).status_code == 200
        assert scorer.http.head("/v2/health/live").status_code == 200
        assert set(get("/v2").json()) == {"name", "version", "extensions"}
        described = get(f"/v2/models/{kit.ENDPOINT}").json()
        assert set(described) == {"name", "versions", "platform", "inputs", "outputs"}
    bad = tmp_path / "unready"
    kit.prepare(bad)
    kit.put_rollout(bad, kit.sign(kit.document(2, kit.route("champion", 1, kit.bundle_digest(), approvals=()))))
    with kit.Process(bad) as scorer:
        assert scorer.http.get("/v2/health/live").status_code == 200
        assert scorer.http.get("/v2/health/ready").status_code == 503
        assert scorer.http.get(f"/v2/models/{kit.ENDPOINT}/ready").status_code == 503
