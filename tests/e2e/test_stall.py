"""A scorer that stands still ends, and says where it stood; one that was stopped for a while goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from podium.scoring import stall
from tests import scoring_kit as kit

STANDS_STILL = """
import logging, sys, threading, time
from podium.scoring import stall

logging.basicConfig(stream=sys.stderr)
dog = stall.Watchdog(float(sys.argv[1]))

def an_endless_model():
    threading.Event().wait(60)

for _ in range(12):
    dog.beat()
    time.sleep(0.1)
if sys.argv[2] == "stop":
    dog.stop()
    time.sleep(3)
elif sys.argv[2] == "stall":
    an_endless_model()
"""


def watched(seconds: float, what: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", STANDS_STILL, str(seconds), what]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_a_thread_that_stands_still_ends_the_process_and_the_log_says_where() -> None:
    said = watched(2.0, "stall")
    assert said.returncode == stall.CODE
    assert "has stood still for 2 seconds" in said.stderr
    assert "in an_endless_model" in said.stderr


def test_none_is_ended_that_beats_or_is_not_watched_any_more() -> None:
    for seconds, what in ((2.0, "stop"), (0.0, "stop"), (2.0, "end")):
        said = watched(seconds, what)
        assert (said.returncode, said.stderr) == (0, ""), (seconds, what)


BLOCKS = """
import signal, time
signal.signal(signal.SIGUSR1, lambda *_: time.sleep(60))
"""


def test_a_scorer_is_watched_from_its_first_moment(tmp_path: Path) -> None:
    kit.prepare(tmp_path / "scorer")
    (tmp_path / "sitecustomize.py").write_text(BLOCKS)
    with kit.Process(tmp_path / "scorer", {"PYTHONPATH": f"{tmp_path}:src:."}, stall_seconds=2) as scorer:
        scorer.process.send_signal(signal.SIGUSR1)
        assert scorer.process.wait(40) == stall.CODE
        assert scorer.process.stdout is not None
        scorer.process.stdout.close()


def test_a_scorer_that_was_stopped_for_a_while_goes_on(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, stall_seconds=2) as scorer:
        time.sleep(1.5)
        os.kill(scorer.process.pid, signal.SIGSTOP)
        time.sleep(4)
        os.kill(scorer.process.pid, signal.SIGCONT)
        time.sleep(2.5)
        assert scorer.http.post(f"/v2/models/{kit.ENDPOINT}/infer", json=kit.tensors()).status_code == 200
