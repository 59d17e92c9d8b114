"""The year's flights in scheduled order, read from their file a few thousand at a time."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from podium.core import project

Instants = npt.NDArray[np.int64]


class Timetable:
    """Flights by number, 0 up to `count`. In memory are when each leaves and lands and what became of it; the rest is
    read where it is asked for, so that a year takes little room.

    `path`: an Arrow IPC file sorted by the project's time column, with its key, target and features, and `outcome_at`.
    """

    def __init__(self, path: Path, spec: project.Project) -> None:
        self._file = pa.OSFile(str(path))
        self._reader = pa.ipc.open_file(self._file)
        self._key = spec.data.key
        starts, leaves, lands, target = [0], [], [], []
        for number in range(self._reader.num_record_batches):
            batch = self._reader.get_batch(number)
            starts.append(starts[-1] + batch.num_rows)
            leaves.append(_whole(batch.column(spec.data.time)))
            lands.append(_whole(batch.column("outcome_at")))
            target.append(_whole(batch.column(spec.data.target)))
        self._starts = starts
        self.leaves: Instants = np.concatenate(leaves)
        """Scheduled departures, microseconds."""
        self.lands: Instants = np.concatenate(lands)
        """When the outcome is known, microseconds."""
        self.target = np.concatenate(target).astype(np.float64)
        self._held: tuple[int, pa.RecordBatch] | None = None

    @property
    def count(self) -> int:
        return len(self.leaves)

    def close(self) -> None:
        self._file.close()

    def rows(self, first: int, last: int) -> pa.Table:
        """The flights from number `first` up to, not including, `last`."""
        pieces = []
        for number in range(self._batch_of(first), self._reader.num_record_batches):
            start, stop = self._starts[number], self._starts[number + 1]
            if start >= last:
                break
            low, high = max(first, start), min(last, stop)
            pieces.append(self._batch(number).slice(low - start, high - low))
        return pa.Table.from_batches(pieces, self._reader.schema)

    def keys(self, numbers: Instants) -> list[str]:
        """The keys of flights, in any order; those asked for together are best near each other."""
        if not len(numbers):
            return []
        first = int(numbers.min())
        column = self.rows(first, int(numbers.max()) + 1).column(self._key)
        keys: list[str] = pc.take(column, pa.array(numbers - first)).to_pylist()
        return keys

    def _batch_of(self, number: int) -> int:
        return max(0, int(np.searchsorted(self._starts, number, side="right")) - 1)

    def _batch(self, number: int) -> pa.RecordBatch:
        if self._held is None or self._held[0] != number:
            self._held = (number, self._reader.get_batch(number))
        return self._held[1]


def _whole(column: pa.Array) -> Instants:
    """A column as integers of its own, which keep nothing of the batch."""
    return np.array(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
