"""Receivers of spans: one that has OpenTelemetry's own messages, in an environment of its own, and a list."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from podium.core.trace import Kind, Trace

PACKAGES = ("opentelemetry-proto>=1.30,<2",)
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


class Told(NamedTuple):
    """A span that was told."""

    found: Trace
    name: str
    about: Mapping[str, str | int]
    failed: bool
    kind: Kind


class Kept:
    """Keeps spans in a list."""

    def __init__(self) -> None:
        self.spans: list[Told] = []

    def tell(
        self,
        found: Trace,
        name: str,
        seconds: float,
        attributes: Mapping[str, str | int],
        *,
        failed: bool,
        kind: Kind = Kind.SERVER,
    ) -> None:
        assert seconds >= 0
        self.spans.append(Told(found, name, attributes, failed, kind))

    def close(self) -> None:
        raise AssertionError("who opened it closes it")
