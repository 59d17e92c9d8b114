"""One file that cannot be recovered hinders no other, and is tried again; what was only being made is swept."""

import logging
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from podium.core import digest
from podium.scoring.log import recover, segment
from tests import small_disk
from tests.unit.log_kit import Log


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a small disk of its own."""
    with small_disk.mounted(tmp_path / "small", "1m") as folder:
        yield folder


def leftover(tmp_path: Path) -> bytes:
    """An open segment as kill -9 leaves it."""
    log = Log(tmp_path / "killed")
    assert log.append("row")
    data = (log.folder / f"s0{segment.OPEN}").read_bytes()
    log.writer.close()
    return data


def check(sealed: Path) -> None:
    data = sealed.read_bytes()
    assert sealed.with_suffix(segment.SIDECAR).read_text() == digest.of_bytes(data)
    assert pa.ipc.open_stream(data).read_all()["prediction_id"].to_pylist() == ["row"]


def test_odd_files_hinder_no_other_and_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = leftover(tmp_path)
    folder = tmp_path / "log"
    (folder / f"a{segment.OPEN}").mkdir(parents=True)
    (folder / f"b{segment.OPEN}").symlink_to("/nonexistent")
    (folder / f"c{segment.OPEN}").write_bytes(data)
    (folder / f"d{segment.OPEN}").write_bytes(data)
    (folder / f"d{segment.SIDECAR}{segment.NEW}").mkdir()
    (folder / f"e{segment.OPEN}").write_bytes(data)
    with caplog.at_level(logging.INFO, "podium.scorer"):
        sealed = recover.folder(folder)
    assert [each.name for each in sealed] == [f"c{segment.SEALED}", f"e{segment.SEALED}"]
    for each in sealed:
        check(each)
    assert [record.getMessage().split()[0] for record in caplog.records] == [f"a{segment.OPEN}", f"d{segment.OPEN}"]
    caplog.clear()
    (folder / f"d{segment.SIDECAR}{segment.NEW}").rmdir()
    with caplog.at_level(logging.INFO, "podium.scorer"):
        (later,) = recover.folder(folder)
    check(later)
    assert caplog.records == []


@pytest.mark.parametrize("suffix", [segment.OPEN, segment.SEALED])
def test_a_flipped_bit_in_a_head_costs_no_row_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    data = leftover(tmp_path)
    whole = data.rstrip(b"\x00") + bytes(-len(data.rstrip(b"\x00")) % 8)
    (folder := tmp_path / "log").mkdir()
    path = folder / f"a{suffix}"
    for bit in (0, 37, 300, 4001):
        harmed = bytearray(data if suffix == segment.OPEN else whole)
        harmed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(harmed)
        with caplog.at_level(logging.ERROR, "podium.scorer"):
            sealed = recover.harmed(path) if suffix == segment.SEALED else recover.folder(folder)[0]
        assert sealed is not None
        check(sealed)
        aside = path.with_suffix(segment.ASIDE)
        assert aside.read_bytes() == harmed
        aside.unlink()
        (record,) = caplog.records
        assert "1 rows are whole" in record.getMessage()
        assert "one bit of its head had changed" in record.getMessage()
        caplog.clear()


def test_a_leftover_on_a_full_disk_is_sealed_once_there_is_room(tmp_path: Path, small: Path) -> None:
    left = small / f"s0{segment.OPEN}"
    left.write_bytes(leftover(tmp_path))
    ballast = small / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))
    assert recover.folder(small) == []
    assert left.exists()
    ballast.unlink()
    (sealed,) = recover.folder(small)
    check(sealed)
    assert not left.exists()


def test_a_leftover_on_a_disk_that_became_read_only_stays(tmp_path: Path, small: Path) -> None:
    left = small / f"s0{segment.OPEN}"
    left.write_bytes(leftover(tmp_path))
    (stale := small / f"s1{segment.NEW}").write_bytes(b"")
    os.utime(stale, (1, 1))
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    assert recover.folder(small) == []
    subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
    (sealed,) = recover.folder(small)
    check(sealed)
    assert not stale.exists()


def test_what_was_being_made_long_ago_is_swept(tmp_path: Path) -> None:
    names = [f"s{segment.NEW}", f"s{segment.SIDECAR}{segment.NEW}", f"s{segment.SEALED}{segment.NEW}"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - 61,) * 2)
        (tmp_path / f"young-{name}").write_bytes(b"x")
    (folder := tmp_path / f"folder{segment.NEW}").mkdir()
    os.utime(folder, (1, 1))
    recover.folder(tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {f"young-{name}" for name in names} | {folder.name}
    recover.folder(tmp_path, now=lambda: time.time() + 61)
    assert [each.name for each in tmp_path.iterdir()] == [folder.name]
