"""Trees laid out for going down many of them at once: a split's two sides stand next to each other."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_NULL_LEFT = 1 << 31
_LEAST_OR_EQUAL, _MEMBER, _SUM = 0, 6, 1
NODE = np.dtype([("limit", "f8"), ("cell", "u4"), ("child", "u4")])
"""As `_fused.c` has them: up to the limit to `child`, else to the one after it. A leaf is its own child."""


class Unsupported(Exception):
    """What stands in the graph has no fused form; ONNX Runtime runs it."""


class Ensemble(NamedTuple):
    """All trees of one operator. Lengths: `nodes` and `leaves` one a node, the others one a tree."""

    nodes: npt.NDArray[Any]
    leaves: npt.NDArray[np.float64]
    """What a row that ends in this node adds."""
    roots: npt.NDArray[np.uint32]
    shallow: npt.NDArray[np.uint32]
    """The fewest splits on a way."""
    deep: npt.NDArray[np.uint32]
    """The most."""


class Splits(NamedTuple):
    """The operator's splits, one entry each, and its leaves' values."""

    features: npt.NDArray[np.int64]
    limits: npt.NDArray[np.float64]
    null_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.int64]
    left_is_leaf: npt.NDArray[np.bool_]
    right: npt.NDArray[np.int64]
    right_is_leaf: npt.NDArray[np.bool_]
    leaves: npt.NDArray[np.float64]
    targets: npt.NDArray[np.int64]
    """To which of the `width` sums each leaf adds."""
    width: int
    roots: npt.NDArray[np.int64]
    members: dict[int, tuple[float, ...]]
    """The sets of those splits that ask for membership, to the left with it; by split."""


def read(given: dict[str, Any]) -> Splits:
    """The attributes of a TreeEnsemble (ai.onnx.ml 5) that adds leaves up."""
    if (given.get("aggregate_function", _SUM), given.get("post_transform", 0)) != (_SUM, 0):
        raise Unsupported("trees that do not give a sum")
    modes, limits = np.asarray(given["nodes_modes"]), np.asarray(given["nodes_splits"])
    leaves = np.asarray(given["leaf_weights"])
    if limits.dtype != np.float64 or leaves.dtype != np.float64 or not np.isin(modes, (_LEAST_OR_EQUAL, _MEMBER)).all():
        raise Unsupported("trees of another kind")
    nulls = given.get("nodes_missing_value_tracks_true")
    found = Splits(
        features=given["nodes_featureids"],
        limits=limits,
        null_left=np.zeros(len(limits), dtype=np.bool_) if nulls is None else nulls != 0,
        left=given["nodes_truenodeids"],
        left_is_leaf=given["nodes_trueleafs"] != 0,
        right=given["nodes_falsenodeids"],
        right_is_leaf=given["nodes_falseleafs"] != 0,
        leaves=leaves,
        targets=given["leaf_targetids"],
        width=given.get("n_targets", 1),
        roots=given["tree_roots"],
        members=_sets(np.flatnonzero(modes == _MEMBER).tolist(), given.get("membership_values")),
    )
    _check(found)
    return found


def _sets(splits: list[int], values: npt.NDArray[np.float64] | None) -> dict[int, tuple[float, ...]]:
    """Each split's members; in the operator they stand one after the other, each split's with a null behind."""
    if not splits:
        return {}
    if values is None:
        raise Unsupported("splits by membership without members")
    ends = np.flatnonzero(np.isnan(values))
    parts = [part[:-1] for part in np.split(values, ends + 1)[: len(splits)]]
    if len(ends) != len(splits):
        raise Unsupported("splits by membership whose members are not told apart")
    return {split: tuple(part.tolist()) for split, part in zip(splits, parts, strict=True)}


def _check(splits: Splits) -> None:
    count = len(splits.limits)
    if any(len(each) != count for each in splits[:7]) or not len(splits.roots):
        raise Unsupported("trees whose lists differ in length")
    for ids, leaf in ((splits.left, splits.left_is_leaf), (splits.right, splits.right_is_leaf)):
        if np.any(ids < 0) or np.any(ids >= np.where(leaf, len(splits.leaves), count)):
            raise Unsupported("trees with a side that is not there")
    if len(splits.targets) != len(splits.leaves) or np.any((splits.targets < 0) | (splits.targets >= splits.width)):
        raise Unsupported("trees with a leaf that adds to nothing")
    if np.any(splits.features < 0) or np.any(splits.roots < 0) or np.any(splits.roots >= count):
        raise Unsupported("trees with a root or a feature that is not there")


def as_limits(splits: Splits, width: int) -> Splits:
    """Splits by membership as splits by a limit, on columns after the others, with their sides changed."""
    if not splits.members:
        return splits
    at = np.array(list(splits.members))
    asks = np.zeros(len(splits.limits), dtype=np.bool_)
    asks[at] = True
    features, limits = splits.features.copy(), splits.limits.copy()
    features[at], limits[at] = width + np.arange(len(at)), 0.5
    return splits._replace(
        features=features,
        limits=limits,
        null_left=splits.null_left & ~asks,
        left=np.where(asks, splits.right, splits.left),
        right=np.where(asks, splits.left, splits.right),
        left_is_leaf=np.where(asks, splits.right_is_leaf, splits.left_is_leaf),
        right_is_leaf=np.where(asks, splits.left_is_leaf, splits.right_is_leaf),
    )


def by_target(splits: Splits) -> list[Splits]:
    """The trees that add to each of the sums."""
    at, is_leaf = splits.roots.copy(), np.zeros(len(splits.roots), dtype=np.bool_)
    for _ in range(len(splits.limits)):
        if is_leaf.all():
            break
        inner = np.flatnonzero(~is_leaf)
        is_leaf[inner], at[inner] = splits.left_is_leaf[at[inner]], splits.left[at[inner]]
    targets = splits.targets[np.where(is_leaf, at, 0)]
    return [splits._replace(roots=splits.roots[targets == target]) for target in range(splits.width)]


def lay(splits: Splits) -> Ensemble:
    """Trees of one target, each with its nodes together, level by level. `cell` is the split's feature."""
    parts = [_Level(np.arange(len(splits.roots)), splits.roots, np.zeros(len(splits.roots), dtype=np.bool_))]
    child: list[npt.NDArray[np.int64]] = []
    total = len(splits.roots)
    shallow = np.full(len(splits.roots), np.iinfo(np.uint32).max, dtype=np.uint32)
    deep = np.zeros(len(splits.roots), dtype=np.uint32)
    while len(parts[-1].tree):
        level = parts[-1]
        ended = level.tree[level.leaf]
        shallow[ended] = np.minimum(shallow[ended], len(child))
        deep[ended] = len(child)
        inner = ~level.leaf
        split = level.at[inner]
        below = np.full(len(level.tree), -1, dtype=np.int64)
        below[inner] = total + 2 * np.arange(len(split))
        child.append(below)
        total += 2 * len(split)
        if total > 2 * len(splits.limits) + len(splits.roots):
            raise Unsupported("trees that share their splits")
        parts.append(
            _Level(
                np.repeat(level.tree[inner], 2),
                np.stack([splits.left[split], splits.right[split]], axis=1).ravel(),
                np.stack([splits.left_is_leaf[split], splits.right_is_leaf[split]], axis=1).ravel(),
            )
        )
    tree, at, leaf = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _gathered(splits, tree, at, leaf, np.concatenate(child))._replace(shallow=shallow, deep=deep)


class _Level(NamedTuple):
    """Nodes equally far from their roots: of which tree, which split or leaf, and whether a leaf."""

    tree: npt.NDArray[np.int64]
    at: npt.NDArray[np.int64]
    leaf: npt.NDArray[np.bool_]


def _gathered(
    splits: Splits,
    tree: npt.NDArray[np.int64],
    at: npt.NDArray[np.int64],
    leaf: npt.NDArray[np.bool_],
    child: npt.NDArray[np.int64],
) -> Ensemble:
    order = np.argsort(tree, kind="stable")  # neighbours of one tree stay neighbours
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    child = np.where(leaf, place, place[child])[order]
    at, leaf = at[order], leaf[order]
    if len(np.unique(splits.targets[at[leaf]])) > 1:
        raise Unsupported("trees of which one adds to several sums")
    nodes = np.zeros(len(order), dtype=NODE)
    values = np.zeros(len(order), dtype=np.float64)
    split = at[~leaf]
    nodes["child"] = child
    nodes["limit"][~leaf] = splits.limits[split]
    nodes["cell"][~leaf] = splits.features[split]
    nodes["child"][~leaf] |= np.where(splits.null_left[split], np.uint32(_NULL_LEFT), np.uint32(0))
    values[leaf] = splits.leaves[at[leaf]]
    none = np.empty(0, dtype=np.uint32)
    return Ensemble(nodes, values, place[: len(splits.roots)].astype(np.uint32), none, none)
