"""Trees as the paths from root to leaf, a feature once on each: the form in which contributions are computed."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from podium.bundle.explain.table import Doubles, Nodes, Wholes


class Paths(NamedTuple):
    """All paths on which `width` features split. A step is one feature on one path: [paths * width], path by path."""

    width: int
    value: Doubles
    """Of the leaf [paths]."""
    feature: Wholes
    """Of each step."""
    share: Doubles
    """Of each step: the share of training rows that went on along the path where this feature splits."""
    edges: Wholes
    """Splits of the steps, step after step; `starts` says where each begins."""
    left: npt.NDArray[np.bool_]
    """Whether the path goes left at each edge."""
    starts: Wholes


class _Step(NamedTuple):
    share: float
    edges: tuple[tuple[int, bool], ...]


def of(nodes: Nodes) -> list[Paths]:
    """The paths by width, from 1; a tree of one leaf has none. Of the edges with one feature one step is made."""
    found: dict[int, list[tuple[float, dict[int, _Step]]]] = {}
    waiting: list[tuple[int, dict[int, _Step]]] = [(int(root), {}) for root in nodes.roots]
    while waiting:
        at, steps = waiting.pop()
        if nodes.left[at] < 0:
            if steps:
                found.setdefault(len(steps), []).append((float(nodes.value[at]), steps))
            continue
        feature = int(nodes.feature[at])
        before = steps.get(feature, _Step(1.0, ()))
        for child, goes_left in ((int(nodes.left[at]), True), (int(nodes.right[at]), False)):
            share = before.share * float(nodes.cover[child]) / float(nodes.cover[at])
            waiting.append((child, {**steps, feature: _Step(share, (*before.edges, (at, goes_left)))}))
    return [_gather(width, paths) for width, paths in sorted(found.items())]


def expected(nodes: Nodes) -> float:
    """The trees' sum for nobody in particular: each leaf by the share of training rows in it."""
    total = 0.0
    waiting = [(int(root), 1.0) for root in nodes.roots]
    while waiting:
        at, share = waiting.pop()
        if nodes.left[at] < 0:
            total += share * float(nodes.value[at])
            continue
        children = (int(nodes.left[at]), int(nodes.right[at]))
        waiting += [(child, share * float(nodes.cover[child]) / float(nodes.cover[at])) for child in children]
    return total


def _gather(width: int, paths: list[tuple[float, dict[int, _Step]]]) -> Paths:
    steps = [(feature, step) for _, each in paths for feature, step in each.items()]
    edges = [edge for _, step in steps for edge in step.edges]
    lengths = np.array([len(step.edges) for _, step in steps], dtype=np.int64)
    return Paths(
        width=width,
        value=np.array([value for value, _ in paths], dtype=np.float64),
        feature=np.array([feature for feature, _ in steps], dtype=np.int64),
        share=np.array([step.share for _, step in steps], dtype=np.float64),
        edges=np.array([split for split, _ in edges], dtype=np.int64),
        left=np.array([left for _, left in edges], dtype=np.bool_),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
    )
