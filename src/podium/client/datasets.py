"""Datasets: upload, list, download."""

from collections.abc import Sequence

from podium.client.part import Part
from podium.core import dataset

PARQUET = "application/vnd.apache.parquet"


class Datasets(Part):
    """Immutable snapshots of data."""

    def add(self, name: str, parquet: bytes, *, source: str) -> dataset.DatasetVersion:
        """Store a snapshot, given as canonical Parquet bytes; the same bytes again give the same version.

        `source`: where the rows come from, in words.
        """
        path = f"{self._base}/datasets/{name}"
        return self._transport.upload("POST", path, dataset.DatasetVersion, parquet, PARQUET, source=source)

    def list(self, name: str | None = None) -> Sequence[dataset.DatasetVersion]:
        """Every version, newest first."""
        path = f"{self._base}/datasets" if name is None else f"{self._base}/datasets/{name}"
        return self._transport.get(path, list[dataset.DatasetVersion])

    def get(self, digest: str) -> dataset.DatasetVersion:
        """One version, by its digest."""
        return self._transport.get(f"{self._base}/dataset-versions/{digest}", dataset.DatasetVersion)
