"""The demo, shortened: the same on every store, the same each time, and the same when processes are killed."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import object_store, postgres

UNTIL = "2013-05-24"
"""One retraining is not proven better and stops; the next goes through shadow, approval and canary to champion."""
KILLS = 20
_TIMES = ("seconds", "rate_scored_per_s", "peak_rss_mb", "restarts")
_VICTIMS = {"server", "worker", "scorer"}


def start(folder: Path, *options: str, environment: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "podium.cli.main", "demo", "--folder", str(folder), "--until", UNTIL, *options]
    return subprocess.Popen(
        command, env=os.environ | (environment or {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder.parent
    )


def told(folder: Path, process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    with process:
        try:
            output, errors = process.communicate(timeout=1100)
        finally:
            process.terminate()  # where it is too slow, it must not stand in the way of others
    assert process.returncode == 0, output.decode()[-2000:] + errors.decode()[-2000:]
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def same(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what may differ: times, memory, and the proofs' words with their hashes and counts."""
    kept = {name: value for name, value in report.items() if name not in _TIMES}
    proofs = {name: value for name, value in kept["proofs"].items() if name not in ("details", "audit_events")}
    return kept | {"proofs": proofs}


pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("plain") / "demo"
    return told(folder, start(folder))


def test_the_loop_goes_round(plain: dict[str, Any]) -> None:
    assert [month["month"] for month in plain["months"]] == ["2013-03", "2013-04", "2013-05"]
    totals = plain["totals"]
    assert totals["predictions"] > 70_000
    assert 0.99 * totals["predictions"] < totals["outcomes"] <= totals["predictions"]
    assert totals["champions"] == 3
    assert totals["approvals"] == 6
    assert [item["stage"] for item in plain["releases"]] == ["champion", "champion", "champion"]
    assert plain["proofs"]["audit_verified"] is True
    assert plain["proofs"]["replayed"] == plain["proofs"]["replay_identical"] == 200
    assert plain["proofs"]["tampered_refused"] is True
    assert plain["proofs"]["unapproved_refused"] is True
    march, _april, may = plain["months"]
    assert march["deciders"] == {"1": march["rows"]}
    assert set(may["deciders"]) == {"1", "2", "3"}
    assert 0.6 < march["loop"]["auc"] < 0.95
    assert march["loop"] == march["static"]
    assert plain["peak_rss_mb"] <= 1500


def test_on_postgresql_and_s3_the_numbers_are_the_same(
    plain: dict[str, Any], postgres_server: str, tmp_path: Path
) -> None:
    name = postgres.fresh_name()
    with object_store.server() as (url, environment):
        report = told(
            tmp_path / "demo",
            start(
                tmp_path / "demo",
                "--database",
                postgres.create(postgres_server, name),
                "--blobs",
                url,
                environment=environment,
            ),
        )
    postgres.drop(postgres_server, name)
    assert same(report) == same(plain)


def test_kill_9_at_random_moments_changes_nothing(plain: dict[str, Any], tmp_path: Path) -> None:
    process = start(tmp_path / "demo")
    killer = Killer(process.pid, KILLS)
    killer.start()
    report = told(tmp_path / "demo", process)
    killer.join()
    assert killer.killed >= KILLS * 3 // 4
    assert sum(report["restarts"].values()) >= killer.killed // 2
    assert same(report) == same(plain)


class Killer(threading.Thread):
    """Kills a random part of a platform (server, worker, scorer) with -9, again and again, once each is running."""

    def __init__(self, demo: int, times: int) -> None:
        super().__init__(daemon=True)
        self.demo = demo
        self.times = times
        self.killed = 0

    def run(self) -> None:
        chance = random.Random(7)
        while self.killed < self.times and Path(f"/proc/{self.demo}").exists():
            time.sleep(chance.uniform(1.0, 3.0))
            parts = list(victims(self.demo))
            if len(parts) == len(_VICTIMS):
                os.kill(chance.choice(sorted(parts)), signal.SIGKILL)
                self.killed += 1


def victims(parent: int) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            status = (entry / "status").read_text()
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"PPid:\t{parent}\n" in status and any(word.decode() in _VICTIMS for word in words):
            yield int(entry.name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--until", "yesterday"], "not a day"),
        (["--until", "2012-01-01"], "begins on 2013-03-01"),
        (["--database", "mysql://here"], "SQLite and PostgreSQL"),
        (["--blobs", "ftp://there"], "folder or under s3"),
        (["--folder", "/proc/podium"], "cannot be written"),
    ],
)
def test_bad_input_is_told_and_leaves_nothing(options: list[str], message: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "podium.cli.main", "demo", "--folder", str(tmp_path / "demo"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_a_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    command = [sys.executable, "-m", "podium.cli.main", "demo", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "not a demo" in done.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"
