"""A version that takes long to load holds up nobody else; a new rollout of the same version needs no new process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from podium.bundle import signing
from podium.core import bundle, digest, engine
from podium.version import VERSION
from tests import engine_kit
from tests import scoring_kit as kit
from tests.patience import ended, until

SLEEPS = """
import os, time
while os.path.exists({mark!r}):
    time.sleep(0.05)
"""
HELD_UP = 20.0
"""Seconds in which others are served, many more than they need."""


def sleeper(folder: Path, mark: Path, start_seconds: float = 600.0) -> str:
    """A Python version in the scorer's folder, proven already, that is not loaded while `mark` is there."""
    limits = engine.Limits(seconds=2.0, memory_mb=400, start_seconds=start_seconds)
    files = engine_kit.python_files(limits=limits)
    code = SLEEPS.format(mark=str(mark)).encode() + files["code/steps.py"]
    named = engine_kit.write_bundle(folder, engine_kit.Kind(bundle.Engine.PYTHON, files | {"code/steps.py": code}))
    (folder / "proven" / named.removeprefix(digest.PREFIX)).write_text(VERSION)
    return named


def models(scorer: kit.Process) -> list[psutil.Process]:
    """The processes of its Python models."""
    found = psutil.Process(scorer.process.pid).children(recursive=True)
    return [each for each in found if not ended(each) and "guest.py" in str(each.cmdline())]


def test_a_version_that_takes_long_to_load_holds_up_no_other_endpoint(tmp_path: Path) -> None:
    first, second = kit.prepare(tmp_path, -1.0, -0.5)
    mark = tmp_path / "mark"
    slow = sleeper(tmp_path, mark)
    mark.touch()
    with kit.Process(tmp_path) as scorer:
        engine_kit.serve(tmp_path, "aa", slow)
        until(lambda: scorer.status().get("loading") == {"aa": 1})
        assert scorer.infer(engine_kit.tensors(engine_kit.rows(1)), "aa").json()["detail"].endswith("is being loaded.")
        engine_kit.serve(tmp_path, kit.ENDPOINT, second, 2)
        until(lambda: scorer.status()["rollouts"] == {"delay": 2}, "it was held up", seconds=HELD_UP)
        engine_kit.serve(tmp_path, kit.ENDPOINT, first, 3)
        until(lambda: scorer.status()["rollouts"] == {"delay": 3}, "it was held up", seconds=HELD_UP)
        assert scorer.status().get("loading") == {"aa": 1}
        mark.unlink()
        until(lambda: scorer.status()["rollouts"] == {"aa": 1, "delay": 3})
        assert scorer.status() == {"rollouts": {"aa": 1, "delay": 3}, "refused": {}}


def test_a_start_waits_for_no_version_that_takes_long_once_another_is_served(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    mark = tmp_path / "mark"
    engine_kit.serve(tmp_path, "aa", sleeper(tmp_path, mark))
    mark.touch()
    begun = time.monotonic()
    with kit.Process(tmp_path) as scorer:
        assert scorer.infer(kit.tensors()).status_code == 200
        assert time.monotonic() - begun < 3 * HELD_UP
        assert scorer.status().get("loading") == {"aa": 1}
        mark.unlink()
        until(lambda: "aa" in scorer.status()["rollouts"])


def test_a_newer_rollout_is_taken_in_place_of_one_that_takes_long(tmp_path: Path) -> None:
    """And the older, which comes at last, does not come back; nor is its process left."""
    mark = tmp_path / "mark"
    folder = tmp_path / "scorer"
    kit.prepare(folder)
    slow = sleeper(folder, mark)
    quick = engine_kit.write_bundle(folder, engine_kit.Kind(bundle.Engine.ONNX, engine_kit.onnx_files()))
    mark.touch()
    with kit.Process(folder) as scorer:
        engine_kit.serve(folder, "aa", slow)
        until(lambda: scorer.status().get("loading") == {"aa": 1})
        engine_kit.serve(folder, "aa", quick, 2)
        until(lambda: scorer.status()["rollouts"].get("aa") == 2, "it was held up", seconds=HELD_UP)
        assert models(scorer)
        mark.unlink()
        until(lambda: not models(scorer), "the process of a version that nobody wants is left")
        assert scorer.status()["rollouts"]["aa"] == 2
        assert scorer.status()["refused"] == {}


def test_a_version_that_is_not_loaded_in_time_is_refused_and_taken_if_it_comes_after_all(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    mark = tmp_path / "mark"
    slow = sleeper(tmp_path, mark)
    mark.touch()
    with kit.Process(tmp_path, load_seconds=1.0) as scorer:
        engine_kit.serve(tmp_path, "aa", slow)
        until(lambda: "aa" in scorer.status()["refused"])
        assert "is not loaded after 1 s" in scorer.status()["refused"]["aa"]["reason"]
        mark.unlink()
        until(lambda: scorer.status()["rollouts"].get("aa") == 1)
        assert scorer.status()["refused"] == {}


def test_what_hangs_is_no_refusal_once_what_serves_is_wanted_again(tmp_path: Path) -> None:
    (quick,) = kit.prepare(tmp_path)
    mark = tmp_path / "mark"
    slow = sleeper(tmp_path, mark)
    mark.touch()
    with kit.Process(tmp_path, load_seconds=1.0) as scorer:
        engine_kit.serve(tmp_path, "aa", quick)
        until(lambda: scorer.status()["rollouts"].get("aa") == 1)
        before = (tmp_path / "rollouts" / "aa.json").read_bytes()
        engine_kit.serve(tmp_path, "aa", slow, 2)
        until(lambda: scorer.status().get("loading") == {"aa": 2})
        (tmp_path / "rollouts" / "aa.json").write_bytes(before)
        time.sleep(3.0)
        assert scorer.status()["rollouts"]["aa"] == 1
        assert scorer.status()["refused"] == {}
        mark.unlink()


def test_a_new_rollout_of_the_same_version_goes_on_with_its_process(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    files = engine_kit.python_files()
    named = engine_kit.write_bundle(tmp_path, engine_kit.Kind(bundle.Engine.PYTHON, files))
    engine_kit.serve(tmp_path, "aa", named)
    with kit.Process(tmp_path) as scorer:
        until(lambda: scorer.status()["rollouts"].get("aa") == 1)
        (before,) = models(scorer)
        for number in range(2, 6):
            engine_kit.serve(tmp_path, "aa", named, number)
            until(lambda: scorer.status()["rollouts"]["aa"] == number)  # noqa: B023 - asked in this turn
            assert scorer.infer(engine_kit.tensors(engine_kit.rows(1)), "aa").status_code == 200
        assert [each.pid for each in models(scorer)] == [before.pid]
        before.kill()
        until(lambda: [each.pid for each in models(scorer)] not in ([], [before.pid]))
        engine_kit.serve(tmp_path, "aa", named, 6)
        until(lambda: scorer.status()["rollouts"]["aa"] == 6)
        assert scorer.infer(engine_kit.tensors(engine_kit.rows(1)), "aa").status_code == 200


def test_many_versions_that_hang_keep_no_start_from_listening(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    mark = tmp_path / "mark"
    hung = sleeper(tmp_path, mark)
    mark.touch()
    for at in range(9):
        engine_kit.serve(tmp_path, f"a{at}", hung)
    begun = time.monotonic()
    with kit.Process(tmp_path) as scorer:
        assert time.monotonic() - begun < 3 * HELD_UP
        until(lambda: scorer.http.get("/v2/models/delay/ready").status_code == 200, seconds=HELD_UP)
        assert len(scorer.status()["loading"]) == 9
        mark.unlink()


@pytest.mark.parametrize(
    ("sent", "serving"), [(signal.SIGTERM, False), (signal.SIGKILL, False), (signal.SIGKILL, True)]
)
def test_nothing_is_left_of_a_version_that_hangs_while_it_proves_itself(
    tmp_path: Path, sent: signal.Signals, serving: bool
) -> None:
    folder = tmp_path / "scorer"
    if serving:
        kit.prepare(folder)
    else:
        folder.mkdir()
        (folder / "public.key").write_bytes(signing.public(kit.KEY))
    mark = tmp_path / "mark"
    (folder / "proven").mkdir(exist_ok=True)
    hung = sleeper(folder, mark)
    (folder / "proven" / hung.removeprefix(digest.PREFIX)).unlink()
    mark.touch()
    engine_kit.serve(folder, "aa", hung)
    settings = {"folder": str(folder), "project": kit.PROJECT, "port": 0, "folder_only": True}
    with subprocess.Popen(
        [sys.executable, str(kit.PROCESS), json.dumps(settings | {"public_keys": [str(folder / "public.key")]})],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "src:."},
    ) as started:
        children: list[psutil.Process] = []

        def proves() -> bool:
            children[:] = psutil.Process(started.pid).children(recursive=True)
            return any("guest.py" in str(each.cmdline()) for each in children if not ended(each))

        until(proves)
        if serving:
            assert started.stdout is not None
            started.stdout.readline()
        begun = time.monotonic()
        started.send_signal(sent)
        started.wait(60)
        assert time.monotonic() - begun < HELD_UP
    until(lambda: all(map(ended, children)), "a hanging version outlives its scorer")
