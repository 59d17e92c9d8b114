"""Lineage: data, run, version, release, predictions, and the next data."""

import itertools

from podium.core import access, event, lineage
from podium.manage.lineage import graph
from podium.store.store import Store

BUILD = access.Permission.BUILD
S = event.Subject
CHAIN = [
    S("dataset", "sha256:" + "1" * 64),
    S("run", "run-1"),
    S("version", "sha256:" + "2" * 64),
    S("release", "release-1"),
    S("window", "window-1"),
    S("dataset", "sha256:" + "3" * 64),
]


def record(store: Store, subject: event.Subject, *parents: event.Subject, project: str = "flights") -> None:
    with store.write(access.system(project)) as tx:
        tx.record(f"{subject.noun}.made", subject, permission=BUILD, parents=parents)


def trace(store: Store, start: event.Subject, direction: graph.Direction, depth: int = 10) -> lineage.Lineage:
    with store.read() as connection:
        return graph.trace(connection, "flights", start, direction=direction, depth=depth)


def fill(store: Store) -> None:
    for parent, subject in itertools.pairwise(CHAIN):
        record(store, subject, parent)


def test_a_version_is_traced_up_and_down(store: Store) -> None:
    fill(store)
    found = trace(store, CHAIN[2], "both")
    assert [(node.noun, node.depth) for node in found.nodes] == [
        ("dataset", -2),
        ("run", -1),
        ("version", 0),
        ("release", 1),
        ("window", 2),
        ("dataset", 3),
    ]
    assert [(edge.source, edge.target) for edge in found.edges] == list(itertools.pairwise(CHAIN))
    assert found.complete
    assert [node.noun for node in trace(store, CHAIN[2], "up").nodes] == ["dataset", "run", "version"]
    assert len(trace(store, CHAIN[2], "down").nodes) == 4


def test_depth_limits_and_says_so(store: Store) -> None:
    fill(store)
    found = trace(store, CHAIN[0], "down", 2)
    assert [node.id for node in found.nodes] == [item.id for item in CHAIN[:3]]
    assert not found.complete
    assert trace(store, CHAIN[0], "down", 5).complete


def test_circles_end(store: Store) -> None:
    fill(store)
    record(store, CHAIN[1], CHAIN[5])
    found = trace(store, CHAIN[1], "both")
    assert {S(node.noun, node.id) for node in found.nodes} == set(CHAIN)
    assert found.complete


def test_nothing_is_seen_across_projects_or_of_strangers(store: Store) -> None:
    fill(store)
    record(store, S("run", "run-9"), CHAIN[0], project="trains")
    assert "run-9" not in {node.id for node in trace(store, CHAIN[0], "down").nodes}
    alone = trace(store, S("run", "nothing"), "both")
    assert (len(alone.nodes), alone.edges, alone.complete) == (1, (), True)
