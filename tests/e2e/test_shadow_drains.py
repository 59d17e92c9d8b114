"""A drain of shadows is done when what they said is sealed: not while the disk refuses it, or hangs."""

import shutil
import subprocess
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from podium.scoring.log import segment
from podium.scoring.log.writer import FLUSH_SECONDS
from podium.scoring.shadow import frames
from podium.scoring.shadow.line import Line
from podium.scoring.shadow.queue import Shadows
from podium.scoring.shadow.waiting import Mark
from tests.patience import until
from tests.shadow_kit import LIMITS, Parts, batch


def sealed(folder: Path) -> list[str]:
    """The ids of the rows that may be shipped."""
    found = [pa.ipc.open_stream(each.read_bytes()).read_all() for each in folder.glob(f"*{segment.SEALED}")]
    return sorted(named for table in found for named in table["prediction_id"].to_pylist())


def test_a_disk_that_refuses_is_no_drain(shadowed: Parts, shadows: Shadows) -> None:
    log = shadowed.kept.log
    assert shadows.drain()
    shutil.rmtree(log, ignore_errors=True)
    log.write_text("in the way")
    shadows.submit(shadowed.loaded, batch(shadowed.loaded, 3))
    assert not shadows.drain()
    assert shadowed.scored() == 3
    log.unlink()
    until(shadows.drain)
    assert sealed(log) == ["p0", "p1", "p2"]
    assert (shadowed.scored(), shadowed.dropped()) == (3, 0)


def test_a_mark_may_take_as_long_as_the_disk_is_waited_for(tmp_path: Path, shadowed: Parts) -> None:
    line = Line(frames.Begin(str(tmp_path / "log"), LIMITS), shadowed.kept.bundle)
    try:
        line.mark(Mark())
        line._heard -= FLUSH_SECONDS + 5.0
        assert not line.late
        line._heard -= 10.0
        assert line.late
    finally:
        line.close()


@pytest.mark.slow
def test_a_disk_that_hangs_costs_neither_the_process_nor_what_it_scored(
    shadowed: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")
    library, hung = tmp_path / "hung_sync.so", tmp_path / "hung"
    source = str(Path(__file__).with_name("hung_sync.c"))
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), source, "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("HUNG_SYNC", str(hung))
    shadows: Shadows = request.getfixturevalue("shadows")
    assert shadows.drain()
    hung.touch()
    shadows.submit(shadowed.loaded, batch(shadowed.loaded, 3))
    until(lambda: shadowed.scored() == 3)
    told: list[bool] = []
    draining = threading.Thread(target=lambda: told.append(shadows.drain()))
    draining.start()
    draining.join(FLUSH_SECONDS + 25.0)
    assert told == [False]
    hung.unlink()
    until(shadows.drain)
    assert sealed(shadowed.kept.log) == ["p0", "p1", "p2"]
