"""One trace through the whole platform: a terminal's command, the control plane, its jobs, the training, the scorer."""

import functools
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import otlp, ports, throwaway
from tests.patience import until

PODIUM = Path(sys.executable).with_name("podium")
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
TRAIN = """
import os

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler


def fit(features, target, context):
    print("trained in", os.environ.get("TRACEPARENT"))
    return Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]).fit(features, target)
"""
PROJECT = """
project = "churn"
train = "train:fit"
[model]
name = "churn"
purpose = "Says whether a customer will leave."
owner = "sales"
decision = "Send a letter."
risk_tier = "low"
kpi = "customers kept"
[data]
source = "data.csv"
key = "id"
time = "at"
target = "gone"
[features]
numeric = ["amount"]
[metrics]
primary = "log_loss"
[approvals]
required = []
[release]
endpoint = "churn"
"""


def write_project(folder: Path) -> None:
    (folder / "podium.toml").write_text(PROJECT)
    (folder / "train.py").write_text(TRAIN)
    chance = random.Random(1)
    lines = ["id,at,amount,gone"]
    for row in range(600):
        amount = chance.gauss(0, 1)
        lines.append(f"c{row},2024-01-{1 + row % 28:02d}T00:00:00Z,{amount:.4f},{int(chance.gauss(amount, 1) > 0)}")
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


class Shell:
    """A person at a terminal, whose commands belong to a trace."""

    def __init__(self, folder: Path, receiver: str) -> None:
        self.folder = folder
        port, scorer_port = ports.free(2)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PODIUM_", "TRACE"))}
        given = {"PODIUM_PORT": str(port), "PODIUM_SCORER_PORT": str(scorer_port), "PODIUM_OTLP_URL": receiver}
        self.environment = kept | given
        self.urls = [f"http://127.0.0.1:{port}/healthz", f"http://127.0.0.1:{scorer_port}/v2/health/live"]

    def run(self, *arguments: str, traced: bool = True) -> str:
        trace = {"TRACEPARENT": f"00-{TRACE}-{CALLER}-01"} if traced else {}
        done = subprocess.run(
            [PODIUM, *arguments],
            cwd=self.folder,
            env=self.environment | trace,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], str]:
    """All spans of a platform where one command was traced and others were not, and what the training printed."""
    python, folder = (
        throwaway.environment(tmp_path_factory.mktemp("otel"), otlp.PACKAGES),
        tmp_path_factory.mktemp("traced"),
    )
    write_project(folder)
    receiver = otlp.Receiver(python)
    shell = Shell(folder, receiver.url)
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen([PODIUM, "up"], cwd=folder, env=shell.environment, stdout=log, stderr=log)
        try:
            for url in shell.urls:
                until(functools.partial(answers, url), f"{url} does not answer")
            shell.run("data", "add", traced=False)
            shell.run("train", "--reason", "the first one")
            until(lambda: "all serve it" in shell.run("endpoints", "show", "churn", traced=False), "nothing serves")
            shell.run("score", "churn", "--data", '[{"id": "a", "amount": 0.5}]')
            run = json.loads(shell.run("runs", "list", "--json", traced=False))[0]["id"]
            printed = shell.run("runs", "log", run, traced=False)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    return receiver.stop(), printed


def by_name(spans: list[dict[str, Any]], service: str, name: str) -> dict[str, Any]:
    found = [span for span in spans if span["from"]["service.name"] == service and span["name"] == name]
    assert len(found) == 1, [(span["from"]["service.name"], span["name"]) for span in spans]
    return found[0]


def test_a_command_its_requests_and_all_their_jobs_are_one_trace(
    seen: tuple[list[dict[str, Any]], str],
) -> None:
    spans, _ = seen
    assert {span["trace"] for span in spans} == {TRACE}
    assert len({span["span"] for span in spans}) == len(spans)
    asked = by_name(spans, "podium-server", "POST /api/v1/projects/{project}/runs")
    assert (asked["parent"], asked["kind"], asked["about"]["http.response.status_code"]) == (CALLER, 2, 201)
    assert asked["about"]["http.route"] == "/api/v1/projects/{project}/runs"
    parent = asked["span"]
    for kind in ("build.train", "deploy.package", "manage.gates", "deploy.release"):
        job = by_name(spans, "podium-worker", kind)
        assert (job["parent"], job["kind"], job["about"]["podium.job.ending"]) == (parent, 5, "done"), kind
        assert job["about"]["podium.project"] == "churn"
        assert "status" not in job
        parent = job["span"]
    scored = by_name(spans, "podium-scorer", "POST /v2/models/churn/infer")
    assert (scored["parent"], scored["about"]["podium.endpoint"]) == (CALLER, "churn")


def test_what_nobody_traced_makes_no_span(seen: tuple[list[dict[str, Any]], str]) -> None:
    names = {span["name"] for span in seen[0]}
    assert "GET /api/v1/projects/{project}/runs/{run_id}" in names
    assert not [name for name in names if "endpoints" in name or name.endswith("/log")]


def test_the_training_code_knows_its_job_as_its_parent(seen: tuple[list[dict[str, Any]], str]) -> None:
    spans, printed = seen
    job = by_name(spans, "podium-worker", "build.train")
    assert f"trained in 00-{TRACE}-{job['span']}-01" in printed


def test_every_line_of_the_servers_log_is_json_where_nobody_reads_along(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([PODIUM, "server"], cwd=tmp_path, env=shell.environment, stdout=log, stderr=log)
        try:
            until(lambda: answers(shell.urls[0]), "the server does not answer")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    first, *lines = (tmp_path / "log").read_text().splitlines()
    assert first.startswith("Podium serves on http://127.0.0.1:")
    assert len(lines) > 1
    assert {json.loads(line)["logger"] for line in lines} == {"uvicorn.error"}
