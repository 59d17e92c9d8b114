"""What came from what: a part of the graph of data, runs, versions, releases and predictions."""

import msgspec

from podium.core import event


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A subject, and how many steps it is from the one that was asked for (negative: upstream)."""

    noun: str
    id: str
    depth: int


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """That something came from something, by the event of that number."""

    source: event.Subject
    target: event.Subject
    kind: str
    number: int


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the graph. `complete`: nothing was left out for its size or depth."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    complete: bool
