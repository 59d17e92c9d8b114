"""What tests of the scorer need: signed rollouts, bundle folders, a scorer process, and a small control plane."""

import base64
import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from podium.bundle import signing, write
from podium.core import approval, bundle, digest, rollout
from podium.core.access import Role
from podium.core.review import Band
from podium.core.rollout import RouteRole
from podium.scoring import trust
from podium.version import VERSION
from tests import artifacts

KEY = signing.make(bytes(range(32)))
OTHER_KEY = signing.make(bytes(32))
PUBLIC = {signing.key_id(signing.public(KEY)): signing.public(KEY)}
NOW = 1_363_000_000_000_000
LATER = 4_000_000_000_000_000
PROJECT, MODEL, ENDPOINT = "flights", "delay", "delay"
ENDPOINTS = (ENDPOINT, "early", "late")
"""Where several are wanted: all of that model."""
ADMIN = "admin-secret"
PROCESS = Path(__file__).with_name("scoring_process.py")
ROWS: dict[str, list[Any]] = {"distance": [100.0, 1900.5, 700.0], "hour": [1, 23, 12]}


def bundle_digest(bias: float = -1.0, *, explained: bool = False, review: Band | None = None) -> str:
    return write.seal(manifest(review), _files(bias, explained=explained))[0]


def _files(bias: float, *, explained: bool) -> dict[str, bytes]:
    return artifacts.files(bias) | (artifacts.explanation(bias) if explained else {})


def manifest(review: Band | None = None) -> bundle.Manifest:
    return bundle.Manifest(
        project=PROJECT,
        model=MODEL,
        engine=bundle.Engine.ONNX,
        signature=artifacts.SIGNATURE,
        threshold=0.5,
        files=(),
        parity=artifacts.parity(),
        run="run-1",
        dataset="sha256:" + "0" * 64,
        source="",
        created_us=NOW,
        review=review or msgspec.UNSET,
    )


def write_bundle(folder: Path, bias: float = -1.0, *, explained: bool = False, review: Band | None = None) -> str:
    named = bundle_digest(bias, explained=explained, review=review)
    target = folder / "bundles" / named.removeprefix(digest.PREFIX)
    write.write(target, manifest(review), _files(bias, explained=explained))
    (folder / "proven").mkdir(exist_ok=True)
    (folder / "proven" / named.removeprefix(digest.PREFIX)).write_text(VERSION)  # so that scorers start at once
    return named


def approve(
    named: str, version: int, role: Role, person: str, *, key: signing.Key = KEY, **changes: Any
) -> approval.Approval:
    plain = approval.Approval(
        id=f"approval-{role}-{version}",
        project=PROJECT,
        model=MODEL,
        version=version,
        digest=named,
        evidence=named,
        environment="production",
        role=role,
        person=person,
        decision=approval.Decision.YES,
        comment="",
        created_us=NOW,
        expires_us=LATER,
    )
    plain = msgspec.structs.replace(plain, **changes)
    signature = base64.b64encode(signing.sign(key, trust.signed_bytes(plain))).decode()
    return msgspec.structs.replace(plain, signature=signature)


def both(named: str, version: int, **changes: Any) -> tuple[approval.Approval, ...]:
    return (
        approve(named, version, Role.VALIDATOR, "vera", **changes),
        approve(named, version, Role.OWNER, "omar", **changes),
    )


def route(
    role: str,
    version: int,
    named: str,
    weight: float = 1.0,
    approvals: Sequence[approval.Approval] | None = None,
    review: Band | None = None,
) -> rollout.Route:
    given = (() if role == "shadow" else both(named, version)) if approvals is None else tuple(approvals)
    return rollout.Route(
        role=RouteRole(role),
        version=version,
        digest=named,
        weight=weight,
        threshold=0.5,
        approvals=given,
        review=review,
    )


def document(number: int, *routes: rollout.Route, **changes: Any) -> rollout.Rollout:
    plain = rollout.Rollout(
        project=PROJECT,
        endpoint=ENDPOINT,
        environment="production",
        model=MODEL,
        number=number,
        routes=routes,
        required=("validator", "owner"),
        salt="salt",
        created_us=NOW + number,
    )
    return msgspec.structs.replace(plain, **changes)


def sign(plain: rollout.Rollout, key: signing.Key = KEY) -> rollout.Signed:
    body = digest.canonical(plain)
    return rollout.Signed(body=body, signature=signing.sign(key, body), key_id=signing.key_id(signing.public(key)))


def everywhere(number: int, *routes: rollout.Route, **changes: Any) -> list[rollout.Signed]:
    """Such a rollout of each of `ENDPOINTS`."""
    return [sign(document(number, *routes, endpoint=endpoint, **changes)) for endpoint in ENDPOINTS]


def put_rollout(folder: Path, signed: rollout.Signed, endpoint: str = ENDPOINT) -> None:
    path = folder / "rollouts" / f"{endpoint}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".tmp")
    new.write_bytes(msgspec.json.encode(signed))
    new.rename(path)


def prepare(folder: Path, *biases: float) -> list[str]:
    """A folder-only scorer's folder: the trusted key, bundles for these biases, version 1 as champion."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "public.key").write_bytes(signing.public(KEY))
    digests = [write_bundle(folder, bias) for bias in biases or (-1.0,)]
    put_rollout(folder, sign(document(1, route("champion", 1, digests[0]))))
    return digests


def tensors(rows: dict[str, list[Any]] | None = None, **more: Any) -> dict[str, Any]:
    kinds = {"distance": "FP64", "hour": "INT64", "flight": "BYTES"}
    return {
        "inputs": [
            {"name": name, "shape": [len(data)], "datatype": kinds[name], "data": data}
            for name, data in (rows or ROWS).items()
        ],
        **more,
    }


def output(answer: dict[str, Any], name: str) -> list[Any]:
    found: list[Any] = next(each["data"] for each in answer["outputs"] if each["name"] == name)
    return found


class Process:
    """A scorer process."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None, /, **settings: Any) -> None:
        given = {"folder": str(folder), "project": PROJECT, "port": 0, "admin_token": ADMIN, "poll_seconds": 0.1}
        given |= {"folder_only": True} if "url" not in settings else {}
        if (folder / "public.key").exists():
            given["public_keys"] = [str(folder / "public.key")]
        self.process = subprocess.Popen(
            [sys.executable, str(PROCESS), json.dumps(given | settings)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "PYTHONPATH": "src:.", **(environment or {})},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert "listening on" in line, line
        self.grpc = ""
        if "grpc_port" in settings:
            self.grpc = line.split("//")[-1].strip()
            line = self.process.stdout.readline().decode()
        self.url = line.split()[-1]
        self.http = httpx.Client(base_url=self.url, timeout=20)

    def infer(self, body: Any, endpoint: str = ENDPOINT) -> httpx.Response:
        return self.http.post(f"/v2/models/{endpoint}/infer", json=body)

    def drain(self) -> dict[str, int]:
        answer = self.http.post("/admin/drain", headers={"Authorization": f"Bearer {ADMIN}"})
        answer.raise_for_status()
        counts: dict[str, int] = answer.json()
        return counts

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/admin/status", headers={"Authorization": f"Bearer {ADMIN}"}).json()
        return found

    def most_memory(self) -> int:
        """The most that the process ever had resident, in bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self._end()

    def _end(self) -> int:
        self.http.close()
        code = self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


class Nursery:
    """Forks scorers that start at once, to be killed."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None, /, **settings: Any) -> None:
        given = {"folder": str(folder), "project": PROJECT, "port": 0, "admin_token": ADMIN}
        given |= {"folder_only": True} if "url" not in settings else {}
        self._settings = json.dumps(given | {"public_keys": [str(folder / "public.key")]} | settings)
        self._process = subprocess.Popen(
            [sys.executable, str(PROCESS), "--fork"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "PYTHONPATH": "src:.", **(environment or {})},
            text=True,
        )

    def start(self) -> tuple[int, str]:
        """Process id and address of a new scorer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(self._settings + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        return pid, self._process.stdout.readline().split()[-1]

    def kill(self, pid: int) -> None:
        """Kill -9, and wait until it is dead."""
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                time.sleep(0.002)

    def close(self) -> None:
        self._process.communicate()


class ControlPlane:
    """The few routes of the control plane that a scorer uses, on a real socket. `down` makes it answer nothing."""

    def __init__(self, port: int = 0) -> None:
        self.signed: dict[str, rollout.Signed] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.segments: dict[str, bytes] = {}
        self.reports: list[dict[str, Any]] = []
        self.down = False
        self.instead: Callable[[str, list[str]], tuple[int, bytes] | None] = lambda _method, _path: None
        """What is answered instead to a method and a path (without /api/v1); None: as ever."""
        plane = self

        class Handler(http.server.BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # an answer is sent in two parts, and who asks acknowledges the first late
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(plane.get)

            def do_PUT(self) -> None:
                self._answer(plane.put)

            def do_POST(self) -> None:
                self._answer(plane.report)

            def _answer(self, act: Callable[[list[str], bytes, Any], tuple[int, bytes]]) -> None:
                data = self.rfile.read(int(self.headers.get("content-length", 0)))
                self.close_connection = plane.down
                path = self.path.split("/")[3:]
                instead = (503, b"") if plane.down else plane.instead(self.command, path)
                code, body = instead or act(path, data, self.headers)
                self.send_response(code)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def publish(self, signed: rollout.Signed, *biases: float) -> None:
        for bias in biases:
            named, _, sealed = write.seal(manifest(), artifacts.files(bias))
            self.files[named] = {**artifacts.files(bias), bundle.MANIFEST: sealed}
        self.signed[signed.rollout().endpoint] = signed

    def get(self, path: list[str], _data: bytes, _headers: Any) -> tuple[int, bytes]:
        if path == ["keys"]:
            public = signing.public(KEY)
            return 200, msgspec.json.encode(rollout.Key(key_id=signing.key_id(public), public_key=public))
        if path[2:] == ["rollouts"]:
            forced = [
                rollout.InForce(endpoint=name, number=each.rollout().number) for name, each in self.signed.items()
            ]
            return 200, msgspec.json.encode(forced)
        if path[2] == "endpoints":
            return 200, msgspec.json.encode(self.signed[path[3]])
        if path[2] == "bundles" and path[3] in self.files:
            return 200, self.files[path[3]][path[5]]
        return 404, b""

    def put(self, path: list[str], data: bytes, headers: Any) -> tuple[int, bytes]:
        assert digest.of_bytes(data) == headers["Podium-Digest"]
        assert self.segments.setdefault(path[4], data) == data
        about = {"id": "segment_1", "project": path[1], "scorer": path[3], "name": path[4], "model": MODEL}
        return 200, msgspec.json.encode(
            {**about, "digest": digest.of_bytes(data), "rows": 1, "from_us": NOW, "to_us": NOW, "received_us": NOW}
        )

    def report(self, _path: list[str], data: bytes, _headers: Any) -> tuple[int, bytes]:
        self.reports.append(json.loads(data))
        return 204, b""
