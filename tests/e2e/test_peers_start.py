"""A peer whose port is taken before it listens is started once more, and listed with its reason if that fails too."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from podium.cli.bench import model
from podium.cli.bench.peers import contest
from podium.cli.bench.peers.known import Peer
from podium.cli.bench.speed import Plan

PEER = Peer(name="late", title="Late", packages=("numpy",), script="late.py", model="onnx")
SERVER = """
import http.server
import json
import given

options = given.options()
begun = options.files / "begun"
times = len(begun.read_text()) if begun.exists() else 0
begun.write_text("x" * (times + 1))
if times < {failures}:
    raise RuntimeError("Failed to bind")
predict = given.predictor(options.files, options.model)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["content-length"])))["rows"]
        body = json.dumps(dict(scores=predict(rows))).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    scripts = tmp_path / contest.SCRIPTS
    scripts.mkdir(parents=True)
    for given in contest.SCRIPTS.glob("given*.py"):
        shutil.copy(given, scripts)
    python = tmp_path / "environments" / PEER.product / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (python.parent.parent / ".installed").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(checkout: Path, failures: int) -> dict[str, Any]:
    (checkout / contest.SCRIPTS / PEER.script).write_text(SERVER.format(failures=failures))
    said: list[str] = []
    plan = Plan(seconds=0.2, repeats=1, place=checkout / "place", say=said.append)
    peers: Sequence[Peer] = (PEER,)
    found: dict[str, Any] = contest.run(model.make(), peers, plan, checkout / "environments")[PEER.name]
    assert said[0] == "Late: installing"
    return found


def test_it_is_started_once_more(checkout: Path) -> None:
    found = run(checkout, failures=1)
    assert "reason" not in found, found["reason"]
    assert found["c64_rps"] > 0


def test_twice_is_a_reason(checkout: Path) -> None:
    found = run(checkout, failures=2)
    assert found["c64_rps"] is None
    assert found["reason"].startswith("server: It did not start: RuntimeError: Failed to bind")
