"""A model's process leaves nothing behind in the scorer: no descriptor, no thread, no folder when its maker dies."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from podium.bundle.engines.python import model as python
from podium.bundle.engines.worker import host, process, scratch
from podium.core import bundle, engine
from podium.core.errors import PodiumError, Unavailable
from tests import odd_models as odd
from tests import patience

CODE = """
import os
import time


def score(rows):
    for row in rows:
        if row["amount"] == 110:
            print("I leave a child behind", flush=True)
            if os.fork() == 0:
                os.setsid()
                open("child", "w").write(str(os.getpid()))
                time.sleep(600)
                os._exit(0)
            while not os.path.exists("child") or not open("child").read():
                time.sleep(0.01)
            os.rename("child", "child-%d" % os.getpid())
            os._exit(3)
    return [row["amount"] / 1000 for row in rows]
"""


@pytest.fixture
def model(tmp_path: Path) -> Iterator[host.Model]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "steps.py").write_text(CODE)
    limits = engine.Limits(seconds=5.0, start_seconds=30.0, memory_mb=400)
    spec = engine.Python(python="3.11", call="steps:score", rows="dicts", limits=limits)
    made = python.run(tmp_path, odd.manifest(engine=bundle.Engine.PYTHON), spec, Path(sys.executable))
    yield made
    made.close()


@contextmanager
def no_thread_more() -> Iterator[None]:
    """Whoever starts a thread in here asks for more memory than there are addresses."""
    before = threading.stack_size(1 << 56)
    try:
        yield
    finally:
        threading.stack_size(before)


@contextmanager
def room_for(descriptors: int) -> Iterator[None]:
    """So many files can be opened in here, and no more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 50, before[1]))
    try:
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        for each in taken[:descriptors]:
            os.close(each)
        del taken[:descriptors]
        yield
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def sleeper(folder: Path) -> process.Start:
    return process.Start(argv=("sleep", "600"), folder=folder, limits=engine.Limits())


def held() -> tuple[int, int]:
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is open")
def test_a_child_that_keeps_the_pipes_keeps_nothing_in_the_scorer(model: host.Model) -> None:
    def again() -> bool:
        try:
            return bool(model.predict(odd.table([5.0]))[0] == 0.005)
        except PodiumError:
            return False

    folder = model.host._scratch.path
    before = held()
    for _ in range(2):
        with pytest.raises(PodiumError):
            model.predict(odd.table([110.0]))
        patience.until(again, "the model answers again")
    left = [int(path.read_text()) for path in folder.glob("child-*")]
    try:
        assert len(left) == 2
        assert all(Path(f"/proc/{pid}").exists() for pid in left)
        patience.until(lambda: held() <= before, "what the processes took is given back")
    finally:
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def test_the_last_words_of_a_process_are_kept_though_its_child_holds_the_pipe(tmp_path: Path) -> None:
    script = "import os, sys, time\nprint('x' * 30000 + ' the last words', flush=True)\nif os.fork() == 0:\n"
    script += "    os.setsid()\n    print(os.getpid(), file=open('child', 'w'), flush=True)\n    time.sleep(600)\n"
    script += "time.sleep(600)\n"
    start = process.Start(argv=(sys.executable, "-c", script), folder=tmp_path, limits=engine.Limits())
    running = process.Process(start)
    patience.until(lambda: (tmp_path / "child").exists() and bool((tmp_path / "child").read_text()), "it has a child")
    running.end()
    try:
        assert running.said().endswith("the last words")
        assert len(running.said()) <= 2000
        assert not [each for each in threading.enumerate() if each.name == "podium-model-output"]
    finally:
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_a_folder_whose_maker_was_killed_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    hold = "import time\nfrom podium.bundle.engines.worker import scratch\nkept = scratch.Scratch()\n"
    hold += "print(kept.path, flush=True)\ntime.sleep(600)\n"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as maker:
        assert maker.stdout is not None
        theirs = Path(maker.stdout.readline().strip())
        (theirs / "model.json").write_text("{}")
        foreign = tmp_path / f"{scratch.PREFIX}of-another-podium"
        foreign.mkdir()
        mine = scratch.Scratch()
        assert theirs.is_dir()
        maker.kill()
        maker.wait()
    other = scratch.Scratch()
    assert (theirs.exists(), foreign.exists(), mine.path.is_dir(), other.path.is_dir()) == (False, True, True, True)
    for each in (mine, other, mine):
        each.close()
    assert list(tmp_path.iterdir()) == [foreign]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is open")
def test_a_model_is_started_again_once_there_is_room_for_its_threads(model: host.Model) -> None:
    def again() -> bool:
        try:
            return bool(model.predict(odd.table([5.0]))[0] == 0.005)
        except PodiumError:
            return False

    before, first = held(), model.host.pid
    assert first is not None
    with no_thread_more():
        os.kill(first, signal.SIGKILL)
        patience.until(lambda: model.host._problem or not model.host._thread.is_alive(), "its start fails")
    patience.until(again, "the model answers again", seconds=20.0)
    assert model.host.pid != first
    patience.until(lambda: held() <= before, "what the failed starts took is given back")


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is open")
def test_a_process_that_cannot_be_watched_is_ended(tmp_path: Path) -> None:
    before = held()
    with no_thread_more(), pytest.raises(RuntimeError):
        process.Process(sleeper(tmp_path))
    assert held() <= before
    assert not [each for each in psutil.Process().children() if str(process._LAUNCH) in each.cmdline()]
    with no_thread_more(), pytest.raises(Unavailable, match="cannot be started"):
        host.Host(odd.manifest(engine=bundle.Engine.PYTHON), engine.Limits(), sleeper)
    assert held() <= before


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is open")
@pytest.mark.parametrize("descriptors", range(8))
def test_a_process_for_which_there_are_too_few_descriptors_takes_none(tmp_path: Path, descriptors: int) -> None:
    before = held()
    with room_for(descriptors), pytest.raises(OSError, match="Too many open files"):
        process.Process(sleeper(tmp_path))
    assert held() <= before
