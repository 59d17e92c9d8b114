"""Dataset versions on each database: registered once, found again, refused when they cannot be kept."""

from collections.abc import Callable

import pyarrow
import pyarrow.parquet
import pytest

from podium.build.datasets import actions, snapshot
from podium.build.datasets import store as rows
from podium.core import access, digest
from podium.core.errors import Invalid, NotFound, Refused
from podium.store import events
from podium.store.store import Store

Callers = Callable[..., access.Caller]


def table(first: int = 0) -> pyarrow.Table:
    return pyarrow.table(
        {"id": [f"r{first}", "r1"], "amount": [1.5, None], "n": pyarrow.array([1, 2], pyarrow.int32())}
    )


def parquet(given: pyarrow.Table) -> bytes:
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(given, sink)
    return bytes(sink.getvalue())


def test_a_version_is_registered_and_read_back(store: Store, caller: Callers) -> None:
    made = actions.register(store, caller("scientist"), "sales", parquet(table()), "sales.csv")
    assert (made.name, made.number, made.rows, made.project) == ("sales", 1, 2, "flights")
    assert made.created_by == "scientist-person"
    assert made.digest == digest.of_bytes(store.blobs.get(made.digest))
    assert made.bytes == len(store.blobs.get(made.digest))
    assert [(column.name, column.type, column.nulls) for column in made.columns] == [
        ("id", "string", 0),
        ("amount", "double", 1),
        ("n", "int64", 0),
    ]
    assert actions.read_table(store, made.digest).to_pylist()[0] == {"id": "r0", "amount": 1.5, "n": 1}
    assert actions.read_table(store, made.digest, ["n"]).column_names == ["n"]
    with store.read() as connection:
        assert rows.get(connection, "flights", made.digest) == made
        assert rows.newest(connection, "flights", "sales") == made
        [recorded] = events.read(connection, project="flights")
        assert recorded.event().kind == "dataset.registered"
        assert recorded.event().subject.id == made.digest


def test_the_same_rows_are_the_same_version(store: Store, caller: Callers) -> None:
    first = actions.register(store, caller(), "sales", parquet(table()), "sales.csv")
    again = actions.register_table(store, caller("scientist"), "sales", table(), "elsewhere")
    other_name = actions.register(store, caller(), "sales-copy", parquet(table()), "sales.csv")
    second = actions.register_table(store, caller(), "sales", table(7), "sales.csv", [first.digest])
    assert again == first
    assert other_name.digest == first.digest
    assert other_name.number == 1
    assert second.number == 2
    with store.read() as connection:
        listed = rows.find_all(connection, "flights", name="sales")
        assert [version.number for version in listed] == [2, 1]
        assert rows.find_all(connection, "flights", name="sales", after=listed[0].id) == [first]
        assert len(rows.find_all(connection, "flights")) == 3
        assert rows.find_all(connection, "elsewhere") == []
        last = events.read(connection, project="flights")[-1].event()
        assert last.parents[0].id == first.digest


def test_what_cannot_be_kept_leaves_no_trace(store: Store, caller: Callers) -> None:
    whole = parquet(table())
    for data in (b"", b"PAR1", b"x" * 100, whole[:-10], whole[: len(whole) // 2]):
        with pytest.raises(Invalid, match="Parquet"):
            actions.register(store, caller(), "sales", data, "sales.csv")
    with pytest.raises(Invalid, match="no rows"):
        actions.register(store, caller(), "sales", parquet(table().slice(0, 0)), "sales.csv")
    with pytest.raises(Invalid, match="1 to 2000"):
        actions.register(store, caller(), "sales", whole, " ")
    with pytest.raises(Invalid, match="lower-case"):
        actions.register(store, caller(), "../sales", whole, "sales.csv")
    with pytest.raises(NotFound, match="parent"):
        actions.register(store, caller(), "sales", whole, "sales.csv", [digest.of_bytes(b"other")])
    with pytest.raises(Invalid, match="digest"):
        actions.register(store, caller(), "sales", whole, "sales.csv", ["7"])
    with store.read() as connection:
        assert rows.find_all(connection, "flights") == []
        assert events.read(connection, project="flights") == []


def test_another_project_does_not_see_it(store: Store, caller: Callers) -> None:
    made = actions.register_table(store, caller(), "sales", table(), "sales.csv")
    assert actions.read_bytes(store, caller("viewer"), made.digest) == snapshot.to_parquet(table())
    with pytest.raises(NotFound):
        actions.read_bytes(store, caller("viewer", project="other"), made.digest)
    with store.read() as connection, pytest.raises(NotFound):
        rows.newest(connection, "other", "sales")


def test_a_changed_snapshot_is_not_read(store: Store, caller: Callers) -> None:
    made = actions.register_table(store, caller(), "sales", table(), "sales.csv")
    assert store.blobs.folder is not None
    name = made.digest.removeprefix("sha256:")
    (store.blobs.folder / "blobs" / name[:2] / name).write_bytes(parquet(table(9)))
    with pytest.raises(Refused, match="not what was stored"):
        actions.read_table(store, made.digest)
