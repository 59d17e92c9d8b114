"""The real `podium` command, as a person uses it: the whole tour, and what it says when something is wrong."""

import contextlib
import csv
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy
import pytest

import podium
from podium.cli import session
from podium.core.config import Config
from tests import ports
from tests.patience import until

PODIUM = Path(sys.executable).with_name("podium")
LIBRARY = Path(podium.__path__[0])
ADMIN = "the-admin-token-of-this-test"
TRAIN = """
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def fit(features, target, context):
    prepare = ColumnTransformer(
        [("numbers", StandardScaler(), ["amount"]), ("text", OneHotEncoder(handle_unknown="ignore"), ["kind"])]
    )
    model = LogisticRegression(C=float(context.params["trees"]))
    return Pipeline([("prepare", prepare), ("model", model)]).fit(features, target)
"""


class Shell:
    """A person at a terminal in a folder."""

    def __init__(self, folder: Path, addresses: tuple[int, ...]) -> None:
        self.folder = folder
        self.port, self.scorer_port = addresses
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PODIUM_")}
        self.environment = kept | {
            "PODIUM_PORT": str(self.port),
            "PODIUM_SCORER_PORT": str(self.scorer_port),
            "PODIUM_ADMIN_TOKEN": ADMIN,
            "PODIUM_LOG_LEVEL": "warning",
        }

    def run(self, *arguments: str, code: int = 0, token: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command; fails with what it said when it ends otherwise than expected."""
        environment = self.environment | settings | ({"PODIUM_TOKEN": token} if token else {})
        done = subprocess.run(
            [PODIUM, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def ask(self, *arguments: str, code: int = 0, token: str = "") -> Any:
        """Run a command with `--json`; what it answered."""
        return json.loads(self.run(*arguments, "--json", code=code, token=token).stdout)

    def refused(self, *arguments: str, **settings: str) -> str:
        """Run a command that must end in one clear message and exit code 1; the message."""
        return self.run(*arguments, code=1, **settings).stderr


def _write_project(folder: Path, shell: Shell) -> None:
    shell.run("init", "churn")
    (folder / "train.py").write_text(TRAIN)
    random = numpy.random.default_rng(1)
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "at", "amount", "kind", "target"])
        for row in range(1500):
            amount, kind = random.gamma(2, 10), random.choice(["new", "old"])
            chance = 1 / (1 + numpy.exp(9 - 0.4 * amount - 2 * (kind == "new")))
            late = int(random.random() < chance)
            writer.writerow([f"c{row}", f"2024-0{1 + row % 9}-01T00:00:00Z", round(amount, 3), kind, late])


def _rows(path: Path, first: int, last: int, to: Path) -> Path:
    lines = path.read_text().splitlines()
    to.write_text("\n".join([lines[0], *lines[1 + first : 1 + last]]) + "\n")
    return to


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with a new project, and nothing running."""
    made = Shell(tmp_path_factory.mktemp("tour"), ports.free(2))
    _write_project(made.folder, made)
    return made


@pytest.fixture(scope="module")
def first(shell: Shell) -> Any:
    """What commands do before any platform runs: each opens the folder itself. The run of version 1."""
    assert "podium up" in shell.ask("status")["next"]
    assert not (shell.folder / ".podium").exists()
    added = shell.ask("data", "add")
    assert (added["name"], added["number"], added["rows"]) == ("churn", 1, 1500)
    return shell.ask("train", "--reason", "the first one")


@pytest.fixture(scope="module")
def running(shell: Shell, first: Any) -> Iterator[Shell]:
    """The same folder with `podium up`."""
    with (shell.folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [PODIUM, "up"], cwd=shell.folder, env=shell.environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            for url in (
                f"http://127.0.0.1:{shell.port}/healthz",
                f"http://127.0.0.1:{shell.scorer_port}/v2/health/live",
            ):
                until(functools.partial(answers, url), f"{url}: see up.log", seconds=120)
            yield shell
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


@pytest.fixture(scope="module")
def tokens(running: Shell) -> dict[str, str]:
    """Two people who decide."""
    return {
        role: running.ask("users", "add", name, "--role", role)["secret"]
        for name, role in (("vera", "validator"), ("olga", "owner"))
    }


@pytest.fixture(scope="module")
def serving(running: Shell, tokens: dict[str, str]) -> Shell:
    """Version 1 was approved by two people and decides; its scorer serves it."""
    pending = running.ask("approve")
    assert [(item["model"], item["version"], item["next"]) for item in pending] == [("churn", 1, "validator")]
    assert pending[0]["excluded"] == ["local"]
    assert "validator" in running.refused("approve", "churn", "1", token=tokens["owner"])
    said = running.ask("validate", "churn", "1", "--comment", "slices are fine", token=tokens["validator"])
    assert (said["decision"], said["person"], said["role"]) == ("yes", "vera", "validator")
    running.run("approve", "churn", "1", "--comment", "go", token=tokens["owner"])
    until(functools.partial(settled, running))
    return running


def settled(shell: Shell) -> bool:
    """Whether a scorer serves version 1 and all is done."""
    found = shell.ask("endpoints", "show", "churn")["status"]
    return bool(found["endpoint"]["champion"] == 1 and found["settled"] and found["scorers"])


def answers(url: str) -> bool:
    """Whether somebody says there that all is well."""
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _drain(shell: Shell) -> None:
    url = f"http://127.0.0.1:{shell.scorer_port}/admin/drain"
    answer = httpx.post(url, headers={"Authorization": f"Bearer {ADMIN}"}, timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def scored(serving: Shell) -> list[dict[str, str]]:
    """600 rows were scored, their truth sent, and a window closed."""
    folder = serving.folder
    _rows(folder / "data.csv", 0, 600, folder / "new.csv")
    report = serving.ask("score", "churn", "--data", "new.csv", "--out", "scores.csv", "--batch", "250")
    assert report["rows"] == 600
    with (folder / "scores.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [row["id"] for row in found] == [f"c{row}" for row in range(600)]
    assert {row["version"] for row in found} == {"1"}
    assert 0 < sum(row["decision"] == "True" for row in found) == report["positive"] < 600
    _drain(serving)
    sent = serving.ask("outcomes", "churn", "--data", "new.csv", "--key", "id", "--value", "target")
    assert sent["rows"] == 600
    closed = serving.ask("close", "churn")["window"]
    assert (closed["rows"], closed["matured"], closed["version"]) == (600, 600, 1)
    return found


def test_a_run_is_trained_proved_and_gated(shell: Shell, first: Any) -> None:
    assert (first["state"], first["number"], first["reason"]) == ("finished", 1, "the first one")
    assert first["result"]["metrics"]["test"]["auc"]["value"] > 0.8
    assert "Traceback" not in shell.run("runs", "log", first["id"]).stdout


def test_versions_and_gates_are_shown(running: Shell) -> None:
    (item,) = running.ask("versions", "list", "churn")
    assert item["gates_passed"] is True
    shown = running.ask("versions", "show", "churn", "1")
    assert shown["version"]["digest"] == item["digest"]
    assert shown["evidence"]["parity"]["max_abs_error"] < 1e-6
    assert {gate["name"] for gate in running.ask("gates", "show", "churn", "1")} == {
        "ranks-well",
        "answers-as-trained",
        "pays",
    }
    assert "ranks-well" in running.run("versions", "show", "churn", "1").stdout
    assert running.ask("versions", "note", "churn", "1", "kept [as] written")["note"] == "kept [as] written"
    assert "kept [as] written" in running.run("versions", "list").stdout


def test_a_gate_is_checked_without_a_server(shell: Shell) -> None:
    assert shell.ask("gates", "check", "metrics.test.auc.value > 0.6")["valid"] is True
    assert "'auc'" in shell.refused("gates", "check", "metrics.test.acu.value > 0.6")


def test_windows_checks_and_alerts(serving: Shell, scored: list[dict[str, str]]) -> None:
    found = serving.ask("checks", "churn")
    assert {item["kind"] for item in found} >= {"drift", "performance", "explanation"}
    assert {"constant", "contribution"} <= {item["measure"] for item in found}
    assert [item["state"] for item in found] == ["ok"] * len(found)
    assert "log_loss" in serving.run("checks", "churn").stdout
    assert serving.ask("alerts", "list") == []
    (decision,) = serving.ask("triggers", "churn")
    assert decision["fired"] is False


def test_drift_breaks_a_check_and_opens_an_alert(serving: Shell, scored: list[dict[str, str]]) -> None:
    rows = [{"id": f"d{row}", "amount": 500.0 + row, "kind": "old"} for row in range(2000)]
    (serving.folder / "drifted.json").write_text(json.dumps(rows))
    assert len(serving.ask("score", "churn", "--data", "drifted.json")) == 2000
    _drain(serving)
    assert serving.ask("close", "churn")["window"]["broken"] > 0
    found = serving.ask("checks", "churn")
    assert found[0]["state"] == "broken"
    assert "amount" in [item["column"] for item in found if item["state"] == "broken"]
    measured = serving.ask("checks", "churn", "--measures")
    (amount,) = [item for item in measured["columns"] if item["column"] == "amount"]
    assert amount["measures"].keys() >= {"psi", "jensen_shannon", "hellinger", "chi_square", "ks", "wasserstein"}
    assert amount["measures"]["ks"] > 0.3
    assert amount["measures"]["contribution_share_now"] > 0.0
    assert {item["kind"] for item in measured["columns"]} == {"numeric", "category", "outcome"}
    assert "amount" in serving.run("checks", "churn", "--measures").stdout
    assert "No window" in serving.refused("checks", "churn", "--measures", "--end", "2020-01-01")
    opened = serving.ask("alerts", "list", "--state", "open")
    assert "drift" in {item["kind"] for item in opened}
    identifier = opened[0]["id"]
    assert serving.ask("alerts", "ack", identifier, "--note", "asked")["state"] == "acknowledged"
    assert "asked" in serving.run("alerts", "show", identifier).stdout
    assert serving.ask("alerts", "resolve", identifier, "--note", "known")["state"] == "resolved"


def test_lineage_is_a_tree(serving: Shell) -> None:
    nodes = {(node["noun"]) for node in serving.ask("lineage", "version", "churn/1")["nodes"]}
    assert {"dataset", "run", "version", "approval", "release"} <= nodes
    assert "Did you mean 'version'?" in serving.refused("lineage", "vresion", "churn/1")
    up = serving.run("lineage", "version", "churn/1", "--direction", "up").stdout
    assert "comes from" in up
    assert "dataset" in up
    assert "led to" not in up


def test_the_audit_is_listed_verified_and_exported(serving: Shell) -> None:
    given = serving.ask("audit", "list", "--kind", "approval.given")
    assert [entry["event"]["actor"] for entry in given] == ["olga", "vera"]
    verified = serving.ask("audit", "verify")
    assert verified["broken_at"] is None
    assert verified["events"] > 20
    written = serving.ask("audit", "export", "events.jsonl")
    lines = (serving.folder / "events.jsonl").read_text().splitlines()
    assert len(lines) == written["events"] > 20


def test_a_logged_prediction_is_explained(serving: Shell, scored: list[dict[str, str]]) -> None:
    found = serving.ask("explain", scored[7]["prediction_id"])
    assert found["score"] == pytest.approx(float(scored[7]["score"]))
    assert found["method"] == "linear"
    assert found["base"] + sum(found["contributions"].values()) == pytest.approx(found["margin"])
    assert "exact (weight times distance from the mean)" in serving.run("explain", scored[7]["prediction_id"]).stdout
    rows = serving.ask("score", "churn", "--explain", "--data", '[{"amount": 90, "kind": "gone"}]')
    assert set(rows[0]["contributions"]) == {"amount", "kind"}
    assert serving.ask("reviews", "list") == []


def test_predictions_replay_to_the_same_number(serving: Shell, scored: list[dict[str, str]]) -> None:
    one = serving.ask("replay", scored[7]["prediction_id"])
    assert one["identical"] is True
    assert one["logged"] == float(scored[7]["score"])
    many = serving.ask("replay", "churn", "--sample", "50")
    assert many["replayed"] == many["identical"] == 50


def test_the_status_and_the_doctor_see_it_all(serving: Shell, scored: list[dict[str, str]]) -> None:
    found = serving.ask("status")
    assert found["who"] == "local"
    assert found["server"] == f"http://127.0.0.1:{serving.port}"
    (place,) = found["endpoints"]
    assert place["status"]["endpoint"]["champion"] == 1
    assert place["window"]["rows"] >= 600
    assert [scorer["status"]["rollouts"] for scorer in found["scorers"]] == [{"churn": 1}]
    assert found["events"]
    page = serving.run("status").stdout
    assert "version 1" in page
    assert "Next:" in page
    lines = {item["name"]: item for item in serving.ask("doctor")}
    assert lines["compiled parts"]["state"] == ("ok" if list(LIBRARY.glob("**/_message*.so")) else "warn")
    assert "held by Podium" in lines["port of the server"]["said"]
    assert "held by Podium" in lines["port of the scorer"]["said"]
    assert lines["database"]["state"] == lines["keys"]["state"] == lines["server"]["state"] == "ok"


def test_a_second_version_goes_to_canary_and_is_rolled_back(serving: Shell, tokens: dict[str, str]) -> None:
    path = serving.folder / "podium.toml"
    text = path.read_text().replace("trees = 100", "trees = 1").replace('require = "better"', 'require = "not-worse"')
    text = text.replace('min_duration = "7d"', 'min_duration = "1s"').replace("min_rows = 1000", "min_rows = 100")
    path.write_text(text.replace('environment = "production"', 'environment = "production"\nmargin = 10.0'))
    assert serving.ask("train", "--reason", "simpler")["state"] == "finished"
    (coming,) = [item for item in serving.ask("release", "list") if item["version"] == 2]
    assert (coming["stage"], coming["replaces"]) == ("shadow", 1)
    assert "comparison" in serving.refused("release", "advance", coming["id"])
    assert "first that served" in serving.refused("rollback", "churn", "--reason", "try")
    serving.run("validate", "churn", "2", "--comment", "fine", token=tokens["validator"])
    serving.run("approve", "churn", "2", "--comment", "go", token=tokens["owner"])
    _rows(serving.folder / "data.csv", 600, 1200, serving.folder / "more.csv")
    serving.run("score", "churn", "--data", "more.csv")
    _drain(serving)
    serving.run("outcomes", "churn", "--data", "more.csv", "--key", "id", "--value", "target")
    serving.run("close", "churn")
    judged = serving.ask("release", "show", coming["id"])
    assert (judged["stage"], judged["comparison"]["rows"]) == ("canary", 600)
    routes = serving.ask("endpoints", "show", "churn")["status"]["rollout"]["routes"]
    assert [(route["role"], route["version"], route["weight"]) for route in routes] == [
        ("champion", 1, 0.8),
        ("canary", 2, 0.2),
    ]
    assert serving.ask("rollback", "churn", "--reason", "complaints")["stage"] == "rolled-back"
    assert "version 1" in serving.run("status").stdout


def test_a_release_is_started_and_stopped_and_a_version_rejected(serving: Shell, tokens: dict[str, str]) -> None:
    made = serving.ask("release", "start", "churn", "2", "--reason", "after all")
    assert (made["stage"], made["endpoint"]) == ("shadow", "churn")
    stopped = serving.ask("release", "stop", made["id"], "--reason", "changed our minds")
    assert (stopped["stage"], stopped["note"]) == ("stopped", "changed our minds")
    taken = serving.ask("withdraw", "churn", "2", "--why", "no need", token=tokens["owner"])
    assert [item["role"] for item in taken] == ["owner"]
    refusal = serving.refused("approve", "churn", "2", "--no", token=tokens["owner"])
    assert "A no needs a reason" in refusal
    said = serving.ask("approve", "churn", "2", "--no", "--comment", "not worth it", token=tokens["owner"])
    assert said["decision"] == "no"
    assert serving.ask("versions", "show", "churn", "2")["version"]["state"] == "rejected"


def test_an_endpoint_is_made_and_deleted(serving: Shell) -> None:
    assert serving.ask("endpoints", "create", "churn-batch", "--model", "churn")["champion"] is None
    assert {item["name"] for item in serving.ask("endpoints", "list")} == {"churn", "churn-batch"}
    assert serving.ask("endpoints", "delete", "churn-batch") == {"deleted": "churn-batch"}


def test_wrong_names_are_answered_with_the_nearest(serving: Shell) -> None:
    assert "Did you mean 'churn'" in serving.refused("models", "show", "chrun")
    assert "Did you mean 'churn'" in serving.refused("endpoints", "show", "chrun")
    assert "Did you mean 'target'" in serving.refused(
        "outcomes", "churn", "--data", "new.csv", "--key", "id", "--value", "tarjet"
    )
    problem = json.loads(serving.refused("models", "show", "chrun", "--json"))
    assert (problem["error"], problem["field"]) == ("not-found", "model")


def test_wrong_rows_are_refused(serving: Shell) -> None:
    assert "amount" in serving.refused("score", "churn", "--data", '{"id": "a", "amount": "much", "kind": "new"}')
    assert "It takes: amount" in serving.refused("score", "churn", "--data", '{"height": 1}')
    assert "podium up" in serving.refused("score", "churn", "--data", '{"amount": 1}', "--url", "http://127.0.0.1:9")


def test_wrong_names_are_told_with_what_there_is(serving: Shell) -> None:
    assert "Did you mean 'churn'?" in serving.refused("versions", "show", "chrun", "1")
    assert "There is no version 99 of churn" in serving.refused("versions", "show", "churn", "99")
    assert "The newest is" in serving.refused("versions", "show", "churn", "99")
    assert "podium endpoints list" in serving.refused("score", "chrun", "--data", '{"amount": 1}')
    assert "not a number" in serving.refused("score", "churn", "--data", '{"amount": "many", "kind": "new"}')
    assert "The role owner grants it" in serving.refused("approve", "churn", "1")
    assert "this platform" in serving.refused("models", "list", PODIUM_TOKEN="pod_a_b")
    assert "must be a whole number" in serving.refused("models", "list", PODIUM_PORT="many")


def test_runs_and_data_are_called_by_name_and_number_or_as_lists_show_them(serving: Shell) -> None:
    last = serving.ask("runs", "list")[0]
    assert last["id"] in serving.run("runs", "list").stdout
    for called in (last["id"], f"churn/{last['number']}"):
        assert serving.ask("runs", "show", called)["id"] == last["id"]
    digest = serving.ask("data", "list")[-1]["digest"]
    listed = serving.run("data", "list").stdout.splitlines()[-1].split()[-2]
    for called in ("churn/1", listed, digest, digest.removeprefix("sha256:")):
        assert serving.ask("data", "show", called)["digest"] == digest
    told = serving.run("runs", "compare", "churn/1", last["id"]).stdout
    assert "churn run 1" in told.splitlines()[0]
    assert "{" not in told
    assert "no dataset of that name" in serving.refused("data", "show", "nothing/1")
    for wrong in ("churn/99", "0000"):
        assert "no such" in serving.refused("data", "show", wrong)
    assert "no such run" in serving.refused("runs", "show", "churn/99")


def test_a_job_says_when_it_is_due(serving: Shell) -> None:
    waits = [line for line in serving.run("jobs", "list").stdout.splitlines() if "manage.expire" in line]
    assert waits
    assert all(" due 20" in line for line in waits)


def test_a_failed_run_ends_the_command_with_an_exit_code(tmp_path: Path) -> None:
    lost = Shell(tmp_path, ports.free(2))
    _write_project(tmp_path, lost)
    (tmp_path / "train.py").write_text("import no_such_module\n")
    done = lost.run("train", code=1)
    assert f"A new, empty platform is made in {tmp_path / '.podium'}" in done.stderr
    assert "podium runs log run-" in done.stderr
    assert "No module named 'no_such_module'" in done.stdout
    assert lost.ask("train", code=1)["state"] == "failed"
    assert (tmp_path / ".podium" / ".gitignore").read_text() == "*\n"


def _server_of(shell: Shell) -> int:
    """The process of the control plane that `podium up` runs for a person."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_server = b"podium.cli.main\0server" in (process / "cmdline").read_bytes()
            if is_server and f"PODIUM_PORT={shell.port}\0".encode() in (process / "environ").read_bytes():
                return int(process.name)
    raise AssertionError("no server runs")


def test_a_command_under_way_waits_for_a_server_that_starts_again(serving: Shell) -> None:
    client = session.running(Config(home=str(serving.folder / ".podium")), "churn")
    assert client is not None
    with client:
        os.kill(_server_of(serving), signal.SIGKILL)
        assert [model.name for model in client.models.list()] == ["churn"]


def test_who_interrupts_a_training_only_stops_looking(serving: Shell) -> None:
    slow = TRAIN.replace("    prepare =", "    time.sleep(4)\n    prepare =")
    (serving.folder / "train.py").write_text(f"import time\n{slow}")
    client = session.running(Config(home=str(serving.folder / ".podium")), "churn")
    assert client is not None
    with (
        client,
        subprocess.Popen(
            [PODIUM, "train", "--reason", "slowly"],
            cwd=serving.folder,
            env=serving.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as command,
    ):
        until(lambda: [run.state for run in client.runs.list() if run.reason == "slowly"] == ["running"])
        command.send_signal(signal.SIGINT)
        said = command.communicate(timeout=60)[1]
        assert command.returncode == 130
        assert "Traceback" not in said
        found = re.search(r"podium runs show (churn/\d+)", said)
        assert found is not None, said
        until(lambda: serving.ask("runs", "show", found[1])["state"] == "finished", seconds=120)


def test_a_port_in_use_is_told(running: Shell) -> None:
    assert f"Port {running.port}" in running.refused("up")


def test_a_server_that_is_down_is_told(shell: Shell) -> None:
    said = shell.refused("models", "list", PODIUM_URL="http://127.0.0.1:9", PODIUM_TOKEN="pod_x_y")
    assert "does not answer" in said
    assert "podium up" in said
    assert "Set PODIUM_TOKEN" in shell.refused("models", "list", PODIUM_URL="http://127.0.0.1:9")


def test_a_broken_project_file_is_told_with_its_line(shell: Shell, tmp_path: Path) -> None:
    lost = Shell(tmp_path, (shell.port, shell.scorer_port))
    assert "podium init" in lost.refused("train")
    lost.run("init", "late")
    assert "there already" in lost.refused("init", "late")
    path = tmp_path / "podium.toml"
    path.write_text(path.read_text().replace('primary = "log_loss"', 'primary = "logloss"'))
    assert "log_loss" in lost.refused("train")
    path.write_text("project = ")
    assert "podium.toml" in lost.refused("train")
    assert not (tmp_path / ".podium").exists()


def test_the_doctor_finds_what_is_wrong(shell: Shell, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys" / "a.key").write_bytes(b"x" * 32)
        (tmp_path / "keys" / "a.key").chmod(0o644)
        given = {"PODIUM_HOME": str(tmp_path), "PODIUM_PORT": port, "PODIUM_DATABASE": "mysql://x/y"}
        said = shell.run("doctor", code=1, **given, PODIUM_PROT="1")
    assert "PODIUM_PROT is no setting and changes nothing" in said.stdout
    assert "Did you mean 'PODIUM_PORT'?" in said.stdout
    assert "does not answer as Podium" in said.stdout
    assert "chmod 600" in said.stdout
    assert "SQLite and PostgreSQL" in said.stdout


def test_the_doctor_says_when_python_compiles_everything_again_and_again(shell: Shell, tmp_path: Path) -> None:
    given = {"PODIUM_HOME": str(tmp_path), "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled")}
    for kept, state in (("1", "warn"), ("", "ok"), ("1", "ok")):  # nothing there; now it keeps what it compiles; kept
        found = json.loads(
            shell.run("doctor", "--json", code=0, token="", **given, PYTHONDONTWRITEBYTECODE=kept).stdout
        )
        python = next(item for item in found if item["name"] == "python")
        assert python["state"] == state
        assert ("PYTHONDONTWRITEBYTECODE" in python.get("fix", "")) == (state == "warn")
