"""The log's tables: one Delta table of predictions and one of outcomes for each model, readable by any engine."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow
import pyarrow.compute
import pyarrow.fs

from podium.core import time
from podium.core.errors import Unavailable, missing_extra
from podium.monitor.intake import tables
from podium.store.store import Store

try:
    import deltalake
    import deltalake.exceptions
except ModuleNotFoundError:  # pragma: no cover - with the extra it is there
    deltalake = None

if TYPE_CHECKING:
    import pyarrow.dataset

_SMALL_FILES = 16
"""A day with more files than this is rewritten into few."""

_FIRST_US = -62_135_596_800_000_000
_LAST_US = 253_402_300_799_000_000
"""The years 1 and 9999 end what a calendar knows."""
_PROPERTIES = {
    "delta.dataSkippingNumIndexedCols": "4",
    "delta.checkpointInterval": str(tables.CHECKPOINT),
}
"""Only the first columns (ids, time, endpoint) are worth statistics; those of every feature make opening slow."""
_TABLES = tables.Tables()
"""This process's open tables."""


class Log:
    """One table. A write is a numbered batch, and the table itself remembers the last number: each is in it once."""

    def __init__(self, store: Store, project: str, model: str, name: str) -> None:
        if deltalake is None:
            raise missing_extra("monitor", "deltalake")
        self.url = f"{store.blobs.url}/log/{project}/{model}/{name}"
        self.name = name
        self._options = store.blobs.storage_options or None
        self._local = "://" not in self.url

    def opened(self) -> AbstractContextManager["deltalake.DeltaTable | None"]:
        """The table at its newest version, the caller's alone inside the block; None before the first write."""
        return _TABLES.lend(self.url, self._options)

    def dataset(self, from_us: int | None = None, to_us: int | None = None) -> "pyarrow.dataset.Dataset | None":
        """The table as an Arrow dataset, if asked only the files of the days from one instant to another (both within).

        None before the first write.
        """
        with self.opened() as table:
            return None if table is None else self.between(table, from_us, to_us)

    def between(
        self, table: "deltalake.DeltaTable", from_us: int | None = None, to_us: int | None = None
    ) -> "pyarrow.dataset.Dataset":
        """An open table as an Arrow dataset of the files of some days: the fewer they are, the sooner it is open."""
        days = [("day", ">=", _day(from_us))] if from_us is not None else []
        days += [("day", "<=", _day(to_us))] if to_us is not None else []
        # Without a file system of its own, deltalake asks for the sizes of all files there are.
        here = pyarrow.fs.SubTreeFileSystem(self.url, pyarrow.fs.LocalFileSystem()) if self._local else None
        return table.to_pyarrow_dataset(file_pruning_predicate=days or None, filesystem=here)

    def append(self, rows: pyarrow.Table, batch: int, table: "deltalake.DeltaTable | None") -> None:
        """Write a batch to the table as it was opened; `Unavailable` when somebody wrote one since.

        `rows` needs a column `day` (text), by which the table is partitioned.
        """
        if table is None and self._local:
            Path(self.url).mkdir(parents=True, exist_ok=True)
        try:
            deltalake.write_deltalake(
                self.url if table is None else table,
                rows,
                mode="append",
                schema_mode="merge",
                partition_by=["day"],
                configuration=_PROPERTIES if table is None else None,
                storage_options=self._options if table is None else None,
                commit_properties=deltalake.CommitProperties(
                    app_transactions=[deltalake.Transaction(self.name, batch)], max_commit_retries=20
                ),
            )
        except deltalake.exceptions.CommitFailedError as problem:
            raise Unavailable("Another worker wrote to this log just now.", fix="Try again.") from problem

    def tidy(self, days: Sequence[str]) -> None:
        """Rewrite days that lie in many small files, and the day before yesterday of the last into one for good."""
        if not days:
            return
        with self.opened() as table:
            if table is None:
                return
            for day, most in (*((each, _SMALL_FILES) for each in days), (_settled(max(days)), 1)):
                if len(table.file_uris(file_pruning_predicate=[("day", "=", day)])) > most:
                    table.optimize.compact(partition_filters=[("day", "=", day)])


def _settled(day: str) -> str:
    """Two days before: little comes later than that."""
    return (date.fromisoformat(day) - timedelta(days=2)).isoformat() if day > "0001-01-02" else day


def _day(instant_us: int) -> str:
    return time.from_us(max(_FIRST_US, min(_LAST_US, instant_us))).date().isoformat()


def with_day(rows: pyarrow.Table) -> pyarrow.Table:
    """The rows with a column `day`: the UTC date of `at`, as text."""
    microseconds = rows.column("at").cast(pyarrow.int64())
    days = pyarrow.compute.cast(rows.column("at"), pyarrow.date32()) if len(microseconds) else microseconds
    return rows.append_column("day", pyarrow.compute.cast(days, pyarrow.string()))
