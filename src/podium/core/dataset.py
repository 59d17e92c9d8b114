"""Immutable snapshots of data."""

import enum

import msgspec


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column's name, Arrow type as text, and profile. Numbers are null where they have no meaning."""

    name: str
    type: str
    nulls: int = 0
    distinct: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    """Of 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99."""
    top: tuple[tuple[str, int], ...] = ()
    """The most frequent values (20 at most) and their counts, for text and booleans."""


class DatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot: its digest is the digest of its Parquet bytes; the same rows in the same order give the same one."""

    id: str
    project: str
    name: str
    number: int
    digest: str
    rows: int
    bytes: int
    columns: tuple[Column, ...]
    source: str
    """Where it came from, in words; for training sets from production: the log and outcomes up to which instant."""
    created_us: int
    created_by: str
    parents: tuple[str, ...] = ()
    """Digests of the dataset versions that it was made from."""


class Part(enum.StrEnum):
    """The parts of a split."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
