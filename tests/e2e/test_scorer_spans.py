"""Spans of sampled traces, read by a receiver that has OpenTelemetry's own messages, in a throw-away environment."""

import functools
import time
from pathlib import Path

import grpc
import pytest

from podium.core import trace
from tests import otlp, throwaway
from tests import scoring_kit as kit
from tests.patience import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-1] + "0"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return throwaway.environment(tmp_path_factory.mktemp("otel"), otlp.PACKAGES)


def test_sampled_requests_become_spans_and_others_do_not(python: Path, tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    receiver = otlp.Receiver(python, 503)  # the first time it has no room: the same comes again
    with kit.Process(tmp_path, otlp_url=receiver.url, name="north", grpc_port=0) as scorer:
        before = time.time_ns()
        path = f"/v2/models/{kit.ENDPOINT}/infer"
        good = scorer.http.post(path, json=kit.tensors(id="a"), headers={"traceparent": PARENT, "tracestate": "a=1"})
        bad = scorer.http.post(path, json={"inputs": []}, headers={"traceparent": PARENT})
        nowhere = scorer.http.get("/v2/models/none-of-ours", headers={"traceparent": PARENT})
        assert (good.status_code, bad.status_code, nowhere.status_code) == (200, 422, 404)
        for parent in (UNSAMPLED, ""):
            assert scorer.http.post(path, json=kit.tensors(), headers={"traceparent": parent}).status_code == 200
        said = [trace.parse(each.headers["traceresponse"]) for each in (good, bad, nowhere)]
        with grpc.insecure_channel(scorer.grpc) as channel:
            live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
            assert live(b"", metadata=(("traceparent", PARENT),))
            assert live(b"", metadata=(("traceparent", UNSAMPLED),))
        assert scorer.stop() == 0  # what waits is sent at the end
    after = time.time_ns()
    spans = receiver.stop()
    called = spans.pop()
    assert (called["trace"], called["about"]["rpc.response.status_code"]) == (TRACE, "OK")
    assert called["name"] == called["about"]["rpc.method"]
    assert called["name"].endswith("ServerLive")
    assert [(each["trace"], each["span"]) for each in spans] == [(one[0], one[1]) for one in said if one is not None]
    assert [each["name"] for each in spans] == [f"POST {path}", f"POST {path}", "GET"]
    first = spans[0]
    assert (first["trace"], first["parent"], first["kind"]) == (TRACE, "b7ad6b7169203331", 2)
    assert first["traceState"] == "a=1"
    assert first["about"] == {
        "http.request.method": "POST",
        "url.path": path,
        "http.response.status_code": 200,
        "podium.endpoint": kit.ENDPOINT,
    }
    assert spans[1]["about"]["http.response.status_code"] == 422
    assert all("status" not in each for each in spans)  # what the caller did wrong is no error of ours
    assert before - 1_000_000 <= int(first["startTimeUnixNano"]) <= int(first["endTimeUnixNano"]) <= after
    assert 0 < first["took"] < 20_000_000_000
    assert first["from"] | {"service.version": ""} == {
        "service.name": "podium-scorer",
        "service.instance.id": "north",
        "service.version": "",
        "podium.project": kit.PROJECT,
    }
    assert first["scope"] == "podium"


def dropped(scorer: kit.Process, spans: int) -> bool:
    """Whether the scorer counts so many spans that nobody took."""
    return f"podium_spans_dropped_total {spans}" in scorer.http.get("/metrics").text


def test_a_receiver_that_is_away_or_refuses_costs_spans_and_nothing_else(python: Path, tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    receiver = otlp.Receiver(python, *[400] * 1000)
    refused = receiver.url
    for url in (refused, "http://127.0.0.1:9"):
        with kit.Process(tmp_path, otlp_url=url) as scorer:
            for _ in range(20):
                assert scorer.infer(kit.tensors()).status_code == 200
                path = f"/v2/models/{kit.ENDPOINT}/infer"
                assert scorer.http.post(path, json=kit.tensors(), headers={"traceparent": PARENT}).status_code == 200
            if url == refused:
                until(functools.partial(dropped, scorer, 20))
            assert "podium_spans_dropped_total " in scorer.http.get("/metrics").text
            assert scorer.stop() == 0
    assert receiver.stop() == []
