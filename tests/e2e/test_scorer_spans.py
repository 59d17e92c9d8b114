"""Spans of sampled traces, read by a receiver that has OpenTelemetry's own messages, in a throw-away environment."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from podium.core import trace
from tests import scoring_kit as kit

PACKAGES = ("opentelemetry-proto>=1.30,<2",)
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-1] + "0"
RECEIVER = """
import http.server
import json
import sys

from google.protobuf import json_format, unknown_fields
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

answers = [int(status) for status in sys.argv[1:]]


def strange(message):
    found = [each.field_number for each in unknown_fields.UnknownFieldSet(message)]
    for field, value in message.ListFields():
        if field.message_type is not None:
            repeated = hasattr(value, "__len__") and not hasattr(value, "ListFields")
            for each in value if repeated else [value]:
                found += strange(each)
    return found


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = answers.pop(0) if answers else 200
        assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
        told = service.ExportTraceServiceRequest.FromString(body)
        assert strange(told) == [], strange(told)
        assert told.SerializeToString(deterministic=True)
        if status == 200:
            for whole in told.resource_spans:
                for scoped in whole.scope_spans:
                    for span in scoped.spans:
                        line = json_format.MessageToDict(span, use_integers_for_enums=True)
                        line["trace"], line["span"] = span.trace_id.hex(), span.span_id.hex()
                        line["parent"] = span.parent_span_id.hex()
                        line["took"] = span.end_time_unix_nano - span.start_time_unix_nano
                        line["about"] = {
                            each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
                        }
                        line["from"] = {each.key: each.value.string_value for each in whole.resource.attributes}
                        line["scope"] = scoped.scope.name
                        print(json.dumps(line), flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


class Receiver:
    """The receiver's process; `answers`: its first statuses, 200 after them."""

    def __init__(self, python: Path, *answers: int) -> None:
        argv = [str(python), "-c", RECEIVER, *map(str, answers)]
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"

    def stop(self) -> list[dict[str, Any]]:
        """End it; the spans that it took."""
        self._process.terminate()
        out, said = self._process.communicate(timeout=30)
        assert "Error" not in said, said
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        pytest.skip("there is no uv")
    folder = tmp_path_factory.mktemp("otel")
    made = folder / "bin" / "python"
    for command in (
        ["venv", "--python", sys.executable, str(folder)],
        ["pip", "install", "--python", str(made), *PACKAGES],
    ):
        done = subprocess.run([uv, "--quiet", *command], capture_output=True, text=True, timeout=200, check=False)
        if done.returncode:
            pytest.skip(f"the packages cannot be had: {done.stderr.strip()[-300:]}")
    return made


def test_sampled_requests_become_spans_and_others_do_not(python: Path, tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    receiver = Receiver(python, 503)  # the first time it has no room: the same comes again
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
    assert first["scope"] == "podium.scorer"


def test_a_receiver_that_is_away_or_refuses_costs_spans_and_nothing_else(python: Path, tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    receiver = Receiver(python, *[400] * 1000)
    refused = receiver.url
    for url in (refused, "http://127.0.0.1:9"):
        with kit.Process(tmp_path, otlp_url=url) as scorer:
            for _ in range(20):
                assert scorer.infer(kit.tensors()).status_code == 200
                path = f"/v2/models/{kit.ENDPOINT}/infer"
                assert scorer.http.post(path, json=kit.tensors(), headers={"traceparent": PARENT}).status_code == 200
            deadline = time.monotonic() + 20
            while url == refused and "podium_spans_dropped_total 20" not in scorer.http.get("/metrics").text:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert "podium_spans_dropped_total " in scorer.http.get("/metrics").text
            assert scorer.stop() == 0
    assert receiver.stop() == []
