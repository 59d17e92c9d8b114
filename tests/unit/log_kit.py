"""A prediction log for tests: who was told what, and what is found in the end."""

import queue
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from podium.bundle import grid
from podium.core.errors import Unavailable
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring.log import recover, rows, segment
from podium.scoring.log.places import Limits
from podium.scoring.log.writer import Writer

SIGNATURE = Signature(features=(Field(name="x", type=FieldType.NUMBER),), task=Task.BINARY, key="id", target="y")


def part(named: str, endpoint: str = "delay") -> rows.Rows:
    return rows.Rows(
        source=rows.Source(
            endpoint=endpoint, model="delay", version=1, digest="sha256:ab", role="champion", rollout=1, threshold=0.5,
            signature=SIGNATURE,
        ),
        at_us=1,
        request_ids=[named],
        prediction_ids=[named],
        keys=[""],
        scores=np.full(1, 0.25),
        grid=grid.Grid(np.full((1, 1), 1.5), np.empty((1, 0), dtype=object)),
    )  # fmt: skip


class Log:
    """A writer, and what those who wait were told."""

    def __init__(self, folder: Path, on_sealed: Callable[[], None] = lambda: None, queued: float = 0.2) -> None:
        self.folder = folder
        self.told: dict[str, list[Unavailable | None]] = {}
        names = iter(f"s{at}" for at in range(1000))
        self.writer = Writer(folder, lambda: next(names), Limits(seconds=3600.0, queued=queued), on_sealed)

    def append(self, named: str, *endpoints: str) -> bool:
        """Whether rows of these endpoints are on disk, as told."""
        told: queue.SimpleQueue[Unavailable | None] = queue.SimpleQueue()
        kept = self.told.setdefault(named, [])

        def then(refused: Unavailable | None) -> None:
            kept.append(refused)
            told.put(refused)

        parts = [part(f"{named}{each}", each) for each in endpoints] or [part(named)]
        self.writer.append(parts, durable=True, then=then)
        return told.get(timeout=10) is None

    def problem(self) -> str | None:
        return self.writer.problem

    def flush(self) -> bool:
        """Whether all segments are sealed, as told."""
        try:
            self.writer.flush(timeout=10)
        except Unavailable:
            return False
        return True

    def acknowledged(self) -> set[str]:
        assert all(len(told) == 1 for told in self.told.values())
        return {named for named, told in self.told.items() if told == [None]}

    def found(self) -> set[str]:
        """What is in the folder once all is over."""
        self.writer.close()
        recover.folder(self.folder)
        assert not list(self.folder.glob(f"*{segment.OPEN}"))
        sealed = self.folder.glob(f"*{segment.SEALED}")
        tables = [pa.ipc.open_stream(each.read_bytes()).read_all() for each in sealed]
        return {named for table in tables for named in table["prediction_id"].to_pylist()}
