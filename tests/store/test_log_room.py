"""An open segment of the log may have zeros behind its last batch: they are no rows, and no harm."""

import queue
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from podium.bundle import grid
from podium.core import digest
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring.log import batches, recover, rows, segment
from podium.scoring.log.places import Limits
from podium.scoring.log.writer import Writer

SIGNATURE = Signature(features=(Field(name="x", type=FieldType.NUMBER),), task=Task.BINARY, key="id", target="y")
SOURCE = rows.Source(
    endpoint="delay", model="delay", version=1, digest="sha256:ab", role="champion", rollout=1, threshold=0.5,
    signature=SIGNATURE,
)  # fmt: skip


def part(at: int, count: int = 1) -> rows.Rows:
    ids = [f"r{at}/{row}" for row in range(count)]
    return rows.Rows(
        source=SOURCE,
        at_us=at,
        request_ids=[f"r{at}"] * count,
        prediction_ids=ids,
        keys=[""] * count,
        scores=np.full(count, 0.25),
        grid=grid.Grid(np.full((count, 1), 1.5), np.empty((count, 0), dtype=object)),
    )


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    names = iter(f"s{at}" for at in range(100))
    made = Writer(tmp_path / "log", lambda: next(names), Limits(seconds=3600.0))
    yield made
    made.close()


def append(writer: Writer, rows: rows.Rows) -> None:
    """Log rows, and wait until they are on disk."""
    told: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
    writer.append([rows], durable=True, then=told.put)
    assert told.get(timeout=10) is None


def fill(writer: Writer, commits: int) -> list[str]:
    for at in range(commits):
        append(writer, part(at))
    return [f"r{at}/0" for at in range(commits)]


def ids(path: Path) -> list[str]:
    found: list[str] = pa.ipc.open_stream(path.read_bytes()).read_all()["prediction_id"].to_pylist()
    return found


def opened(folder: Path) -> Path:
    (found,) = folder.glob(f"*{segment.OPEN}")
    return found


def test_many_small_commits_have_room_ahead_and_a_sealed_segment_has_none(writer: Writer, tmp_path: Path) -> None:
    wanted = fill(writer, 40)
    data = opened(tmp_path / "log").read_bytes()
    found = batches.find(data)
    assert found.rows == 40
    assert len(data) - found.end > 0
    assert not any(data[found.end :])
    writer.close()
    (sealed,) = (tmp_path / "log").glob(f"*{segment.SEALED}")
    assert sealed.read_bytes() == data[: found.end]
    assert sealed.with_suffix(segment.SIDECAR).read_text() == digest.of_bytes(data[: found.end])
    assert ids(sealed) == wanted


def test_a_large_write_leaves_no_room_but_the_last_block(writer: Writer, tmp_path: Path) -> None:
    append(writer, part(0, 4000))
    append(writer, part(1, 4000))
    data = opened(tmp_path / "log").read_bytes()
    end = batches.find(data).end
    assert end <= len(data) < end + 4096
    assert not any(data[end:])


@pytest.mark.parametrize("commits", [1, 2, 3, 40, 400])
def test_what_a_dead_process_left_is_sealed_without_its_room(writer: Writer, tmp_path: Path, commits: int) -> None:
    wanted = fill(writer, commits)
    dead = tmp_path / "dead"
    dead.mkdir()
    shutil.copy(opened(tmp_path / "log"), dead)
    (sealed,) = recover.folder(dead)
    assert ids(sealed) == wanted
    assert batches.find(sealed.read_bytes()).end == sealed.stat().st_size
    assert sealed.with_suffix(segment.SIDECAR).read_text() == digest.of_bytes(sealed.read_bytes())
    assert not list(dead.glob(f"*{segment.ASIDE}"))


def test_a_flipped_bit_in_the_room_is_seen(writer: Writer, tmp_path: Path) -> None:
    wanted = fill(writer, 40)
    dead = tmp_path / "dead"
    dead.mkdir()
    path = Path(shutil.copy(opened(tmp_path / "log"), dead))
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    (sealed,) = recover.folder(dead)
    assert ids(sealed) == wanted
    assert [each.read_bytes() for each in dead.glob(f"*{segment.ASIDE}")] == [bytes(data)]


def test_a_file_with_a_head_and_room_only_is_forgotten(writer: Writer, tmp_path: Path) -> None:
    fill(writer, 1)
    data = opened(tmp_path / "log").read_bytes()
    dead = tmp_path / "dead"
    dead.mkdir()
    (dead / f"s{segment.OPEN}").write_bytes(data[: batches.find(data).head] + bytes(4096))
    assert recover.folder(dead) == []
    assert list(dead.iterdir()) == []
