"""Tree ensembles as flat arrays with the cover of each node, and the Arrow file that keeps them in a bundle."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from podium.core.errors import Invalid

ENCODER = "explain.onnx"
"""The preparation of the model alone: features in, the matrix out that the trees (or weights) take."""
FILE = "explain.arrow"
"""The nodes of the trees, or the weights of a linear model; Arrow IPC file with `About` in its metadata."""
MOST_NODES = 400_000
_KEY = b"podium.explanation"
_KINDS = ("trees", "linear")

Doubles = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the numbers of the file mean."""

    format: int = 1
    kind: str
    """`trees` or `linear`."""
    scale: str
    """In what the contributions add up: `probability`, `log-odds`, `log` or `target`."""
    start: float
    """What is added to the trees' sum, or the linear model's constant."""
    origins: tuple[str, ...]
    """For each column of the matrix the feature from which it was made."""


class Nodes(NamedTuple):
    """All trees' nodes in one table, shape [n] each; `left` and `right` are rows of it, -1 at a leaf."""

    roots: Wholes
    left: Wholes
    right: Wholes
    feature: Wholes
    threshold: Doubles
    null_left: npt.NDArray[np.bool_]
    members: Wholes
    """A row of `sets` where the split is by category, else -1."""
    value: Doubles
    cover: Doubles
    """How much of the training data reached the node: rows, or their weight."""
    sets: tuple[Doubles, ...]


class Linear(NamedTuple):
    """Weights and the training rows' means of the matrix's columns, shape [k] each."""

    weights: Doubles
    means: Doubles


class Explained(NamedTuple):
    """What the file holds."""

    about: About
    body: Nodes | Linear


def encode(found: Explained) -> bytes:
    """The bytes of the file: the same content gives the same bytes."""
    table = _linear(found.body) if isinstance(found.body, Linear) else _nodes(found.body)
    table = table.replace_schema_metadata({_KEY: msgspec.json.encode(found.about)})
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def decode(data: bytes) -> Explained:
    """What those bytes hold; `Invalid` when they are not such a file, or its trees are none."""
    try:
        table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
        table.validate(full=True)
        about = msgspec.json.decode((table.schema.metadata or {})[_KEY], type=About)
        body = _read_linear(table) if about.kind == "linear" else _read_nodes(table)
    except (pa.ArrowException, KeyError, msgspec.DecodeError, ValueError):
        raise _invalid() from None
    if about.format != 1 or about.kind not in _KINDS:
        raise Invalid("This Podium does not know that form of explanation.", field=FILE, fix="Upgrade Podium.")
    _check(about, body)
    return Explained(about, body)


def _linear(body: Linear) -> pa.Table:
    return pa.table({"weight": body.weights, "mean": body.means})


def _nodes(body: Nodes) -> pa.Table:
    is_root = np.zeros(len(body.left), dtype=np.bool_)
    is_root[body.roots] = True
    sets: Sequence[list[float] | None] = [None if at < 0 else body.sets[at].tolist() for at in body.members]
    return pa.table(
        {
            "root": is_root,
            "left": body.left,
            "right": body.right,
            "feature": body.feature,
            "threshold": body.threshold,
            "null_left": body.null_left,
            "members": pa.array(sets, type=pa.list_(pa.float64())),
            "value": body.value,
            "cover": body.cover,
        }
    )


def _read_linear(table: pa.Table) -> Linear:
    return Linear(_doubles(table, "weight"), _doubles(table, "mean"))


def _read_nodes(table: pa.Table) -> Nodes:
    members = np.full(table.num_rows, -1, dtype=np.int64)
    sets: list[Doubles] = []
    for at, values in enumerate(table.column("members").to_pylist()):
        if values is not None:
            members[at] = len(sets)
            sets.append(np.array(values, dtype=np.float64))
    return Nodes(
        roots=np.flatnonzero(table.column("root").to_numpy()).astype(np.int64),
        left=_wholes(table, "left"),
        right=_wholes(table, "right"),
        feature=_wholes(table, "feature"),
        threshold=_doubles(table, "threshold"),
        null_left=table.column("null_left").to_numpy().astype(np.bool_),
        members=members,
        value=_doubles(table, "value"),
        cover=_doubles(table, "cover"),
        sets=tuple(sets),
    )


def _doubles(table: pa.Table, name: str) -> Doubles:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)


def _wholes(table: pa.Table, name: str) -> Wholes:
    return np.asarray(table.column(name).to_numpy(), dtype=np.int64)


def _check(about: About, body: Nodes | Linear) -> None:
    """Children come after their parent, so that no tree goes in circles; columns exist; covers are real."""
    width = len(about.origins)
    if isinstance(body, Linear):
        good = len(body.weights) == width and bool(np.isfinite(body.weights).all() and np.isfinite(body.means).all())
    else:
        good = len(body.left) <= MOST_NODES and _sound(body, width)
    if not (good and np.isfinite(about.start)):
        raise _invalid()


def _sound(body: Nodes, width: int) -> bool:
    count = len(body.left)
    at = np.arange(count)
    leaf = body.left < 0
    inner = ~leaf
    children = np.concatenate([body.left[inner], body.right[inner]])
    parents = np.concatenate([at[inner], at[inner]])
    return bool(
        (leaf == (body.right < 0)).all()
        and (children > parents).all()
        and (children < count).all()
        and len(np.unique(children)) == len(children)
        and ((body.feature[inner] >= 0) & (body.feature[inner] < width)).all()
        and np.isfinite(body.value[leaf]).all()
        and np.isfinite(body.cover).all()
        and (body.cover > 0).all()
    )


def _invalid() -> Invalid:
    return Invalid("This is not a file of explanations.", field=FILE)
