"""Register snapshots and read them back."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet

from podium.build.datasets import profile, snapshot
from podium.build.datasets import store as rows
from podium.core import access, dataset, digest, event
from podium.core import name as names
from podium.core.errors import Conflict, Invalid, NotFound
from podium.store.store import Store

_SOURCE_LIMIT = 2_000
_PARENTS_LIMIT = 1_000
_ATTEMPTS = 5


def register(
    store: Store,
    caller: access.Caller,
    name: str,
    data: bytes | Path,
    source: str,
    parents: Sequence[str] = (),
) -> dataset.DatasetVersion:
    """Keep Parquet (bytes, or a file of our own) as the next version of a dataset, in canonical form.

    The same content under the same name gives the version that is there. `source` says in words where the rows come
    from; `parents` are digests of the dataset versions that they were made from. `Invalid` for Parquet that is damaged,
    has no rows, or has columns that cannot be kept.
    """
    return _keep(store, caller, name, snapshot.open_reader(data), (source, tuple(parents)))


def register_table(
    store: Store,
    caller: access.Caller,
    name: str,
    table: snapshot.Rows,
    source: str,
    parents: Sequence[str] = (),
) -> dataset.DatasetVersion:
    """As `register`, for rows in memory or from a reader."""
    return _keep(store, caller, name, table, (source, tuple(parents)))


def read_table(store: Store, address: str, columns: Sequence[str] | None = None) -> pyarrow.Table:
    """The rows of a snapshot by its digest, or only some of its columns. `NotFound` when there is none; `Refused` when
    its bytes are not what was stored.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot.parquet"
        store.blobs.fetch(address, path)
        with pyarrow.parquet.ParquetFile(path) as file:
            return file.read(columns=None if columns is None else list(columns))


def read_bytes(store: Store, caller: access.Caller, address: str) -> bytes:
    """A snapshot's Parquet bytes, if the caller's project has it."""
    with store.read() as connection:
        found = rows.get(connection, caller.project, digest.check(address))
    return store.blobs.get(found.digest)


def _keep(
    store: Store, caller: access.Caller, name: str, given: snapshot.Rows, origin: tuple[str, tuple[str, ...]]
) -> dataset.DatasetVersion:
    names.check(name)
    source, parents = origin
    _check_origin(store, caller, source, parents)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot.parquet"
        count = snapshot.write(given, path)
        columns = profile.profile(path)
        address = store.blobs.put_file(path)
        size = path.stat().st_size
    made = dataset.DatasetVersion(
        id=store.new_id("data"),
        project=caller.project,
        name=name,
        number=0,
        digest=address,
        rows=count,
        bytes=size,
        columns=columns,
        source=source,
        created_us=0,
        created_by=caller.name,
        parents=parents,
    )
    return _record(store, caller, made)


def _record(store: Store, caller: access.Caller, made: dataset.DatasetVersion) -> dataset.DatasetVersion:
    """Give the version its number; when somebody took that number or stored the same rows meanwhile, look again."""
    for attempt in range(_ATTEMPTS):
        with store.read() as connection:
            known = rows.find(connection, made.project, made.name, made.digest)
        if known is not None:
            return known
        try:
            return _insert(store, caller, made)
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _insert(store: Store, caller: access.Caller, made: dataset.DatasetVersion) -> dataset.DatasetVersion:
    with store.write(caller) as tx:
        number = rows.next_number(tx.connection, made.project, made.name)
        fields = {field: getattr(made, field) for field in made.__struct_fields__}
        numbered = dataset.DatasetVersion(**{**fields, "number": number, "created_us": tx.now_us})
        rows.add(tx.connection, numbered)
        tx.record(
            "dataset.registered",
            event.Subject("dataset", made.digest),
            permission=access.Permission.BUILD,
            parents=[event.Subject("dataset", parent) for parent in made.parents],
            detail={"name": made.name, "number": number, "rows": made.rows, "source": made.source},
        )
        return tx.done(numbered)


def _check_origin(store: Store, caller: access.Caller, source: str, parents: tuple[str, ...]) -> None:
    if not 0 < len(source.strip()) <= _SOURCE_LIMIT or "\x00" in source:
        raise Invalid(
            f"The source has 1 to {_SOURCE_LIMIT} characters.", field="source", fix="Say where the rows come from."
        )
    if len(parents) > _PARENTS_LIMIT or len(set(parents)) != len(parents):
        raise Invalid(f"Parents are at most {_PARENTS_LIMIT} different digests.", field="parents")
    for parent in parents:
        digest.check(parent, "parents")
    if not parents:
        return
    with store.read() as connection:
        if rows.missing(connection, caller.project, parents):
            raise NotFound("A parent is no dataset version of this project.", field="parents")
