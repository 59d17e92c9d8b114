"""The log's tables: one Delta table of predictions and one of outcomes for each model, readable by any engine."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow
import pyarrow.compute
import pyarrow.dataset

from podium.core.errors import Unavailable, missing_extra
from podium.store.store import Store

try:
    import deltalake
    import deltalake.exceptions
except ModuleNotFoundError:  # pragma: no cover - with the extra it is there
    deltalake = None

_SMALL_FILES = 48
"""A day with more files than this is rewritten into few."""

_PROPERTIES = {"delta.dataSkippingNumIndexedCols": "4"}
"""Only the first columns (ids, time, endpoint) are worth statistics; those of every feature make opening slow."""


class Log:
    """One table. A write is a numbered batch, and the table itself remembers the last number: each is in it once."""

    def __init__(self, store: Store, project: str, model: str, name: str) -> None:
        if deltalake is None:
            raise missing_extra("monitor", "deltalake")
        self.url = f"{store.blobs.url}/log/{project}/{model}/{name}"
        self.name = name
        self._options = store.blobs.storage_options or None
        self._local = "://" not in self.url

    def open(self) -> deltalake.DeltaTable | None:
        """The table at its newest version; None before the first write."""
        if not deltalake.DeltaTable.is_deltatable(self.url, self._options):
            return None
        return deltalake.DeltaTable(self.url, storage_options=self._options)

    def last_batch(self) -> int:
        """The number of the last batch that was written; 0 before the first."""
        table = self.open()
        return 0 if table is None else (table.transaction_version(self.name) or 0)

    def dataset(self) -> pyarrow.dataset.Dataset | None:
        """The table as an Arrow dataset; None before the first write."""
        table = self.open()
        return None if table is None else table.to_pyarrow_dataset()

    def append(self, rows: pyarrow.Table, batch: int, table: deltalake.DeltaTable | None) -> None:
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
        """Rewrite days that lie in many small files."""
        table = self.open()
        if table is None:
            return
        for day in days:
            if len(table.file_uris(file_pruning_predicate=[("day", "=", day)])) > _SMALL_FILES:
                table.optimize.compact(partition_filters=[("day", "=", day)])


def with_day(rows: pyarrow.Table) -> pyarrow.Table:
    """The rows with a column `day`: the UTC date of `at`, as text."""
    microseconds = rows.column("at").cast(pyarrow.int64())
    days = pyarrow.compute.cast(rows.column("at"), pyarrow.date32()) if len(microseconds) else microseconds
    return rows.append_column("day", pyarrow.compute.cast(days, pyarrow.string()))
