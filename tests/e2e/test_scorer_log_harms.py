"""A scorer whose log is removed under it says so and goes on; odd files in the log hinder no start."""

import shutil
from pathlib import Path

import pyarrow as pa

from podium.scoring.log import recover
from tests import scoring_kit as kit
from tests.patience import until


def failing(process: kit.Process) -> bool:
    return "podium_log_failing 1" in process.http.get("/metrics").text.splitlines()


def test_a_removed_log_is_told_and_made_again(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    with kit.Process(tmp_path, segment_seconds=1.0) as process:
        assert process.infer(kit.tensors(id="before")).status_code == 200
        shutil.rmtree(tmp_path / "log")
        until(lambda: failing(process), "nobody is told that the log is gone")
        assert process.infer(kit.tensors(id="after")).status_code == 200
        assert not failing(process)
        process.stop()
    recover.folder(tmp_path / "log")
    tables = [pa.ipc.open_stream(each.read_bytes()).read_all() for each in (tmp_path / "log").glob("*.arrow")]
    assert {named for table in tables for named in table["request_id"].to_pylist()} == {"after"}


def test_a_scorer_starts_beside_odd_files(tmp_path: Path) -> None:
    kit.prepare(tmp_path)
    (tmp_path / "log" / "x.open").mkdir(parents=True)
    (tmp_path / "log" / "x.new").mkdir()
    with kit.Process(tmp_path) as process:
        assert process.infer(kit.tensors()).status_code == 200
        assert process.stop() == 0
