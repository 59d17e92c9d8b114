"""What came from what: the graph that events draw by naming their parents."""

from collections.abc import Iterator
from typing import Literal

from sqlalchemy import Connection, select

from podium.core import event
from podium.core.lineage import Edge, Lineage, Node
from podium.store import events

Direction = Literal["up", "down", "both"]

_BATCH = 500
_MOST_NODES = 2000


def trace(
    connection: Connection, project: str, start: event.Subject, *, direction: Direction = "both", depth: int = 10
) -> Lineage:
    """The graph around a subject, that many steps up, down or both. Nothing is known: only the subject itself."""
    nodes = {start: 0}
    edges: dict[tuple[int, event.Subject], Edge] = {}
    ways = {"up": (-1,), "down": (1,), "both": (-1, 1)}[direction]
    complete = all([_walk(connection, project, nodes, edges, (start, way, depth)) for way in ways])
    ordered = sorted(nodes.items(), key=lambda item: (item[1], item[0].noun, item[0].id))
    return Lineage(
        nodes=tuple(Node(noun=subject.noun, id=subject.id, depth=at) for subject, at in ordered),
        edges=tuple(sorted(edges.values(), key=lambda edge: (edge.number, edge.source.noun, edge.source.id))),
        complete=complete,
    )


def _walk(
    connection: Connection,
    project: str,
    nodes: dict[event.Subject, int],
    edges: dict[tuple[int, event.Subject], Edge],
    walk: tuple[event.Subject, int, int],
) -> bool:
    start, way, depth = walk
    seen, front = {start}, {start}
    for step in range(1, depth + 1):
        found = list(_edges(connection, project, front, way))
        front = set()
        for edge in found:
            edges[edge.number, edge.source] = edge
            front.add(edge.target if way > 0 else edge.source)
        front -= seen
        seen |= front
        for subject in front:
            nodes.setdefault(subject, way * step)
        if len(nodes) > _MOST_NODES:
            return False
        if not front:
            return True
    return next(_edges(connection, project, front, way), None) is None


def _edges(connection: Connection, project: str, front: set[event.Subject], way: int) -> Iterator[Edge]:
    table = events.edges.c
    noun, key = (table.from_noun, table.from_id) if way > 0 else (table.to_noun, table.to_id)
    for wanted in sorted({subject.noun for subject in front}):
        ids = sorted(subject.id for subject in front if subject.noun == wanted)
        for at in range(0, len(ids), _BATCH):
            query = select(events.edges).where(table.project == project, noun == wanted, key.in_(ids[at : at + _BATCH]))
            for row in connection.execute(query.limit(_MOST_NODES * 4)):
                yield Edge(
                    source=event.Subject(row.from_noun, row.from_id),
                    target=event.Subject(row.to_noun, row.to_id),
                    kind=row.kind,
                    number=row.number,
                )
