"""Tree ensembles in double precision: the thresholds stay as they were learned, so no row changes sides."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from onnx import numpy_helper
from sklearn import ensemble, tree

from podium.bundle.export.graph import ML, Graph, Unsupported

_LEQ = 0
_MEMBER = 6
_SUM = 1


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A split (`x <= threshold`, or x in `members`, goes left) or, without a left side, a leaf."""

    left: int = -1
    right: int = -1
    feature: int = 0
    threshold: float = 0.0
    members: tuple[float, ...] | None = None
    null_left: bool = False
    value: float = 0.0


Tree = list[Node]


def add(graph: Graph, trees: list[Tree], source: str, targets: Sequence[int] = (), width: int = 1) -> str:
    """The sum of the trees' leaves for each row [n, width]. `targets`: to which column each tree adds (none: the only
    one)."""
    table = _Table()
    sums: list[int] = []
    for at, nodes in enumerate(trees):
        table.roots.append(table.place(nodes, 0))
        sums += [targets[at] if targets else 0] * (len(table.leaves) - len(sums))
    splits = table.splits
    members = [part for split in splits if split.members is not None for part in (*split.members, np.nan)]
    extra = {"membership_values": _doubles(members)} if members else {}
    modes = np.array([_LEQ if split.members is None else _MEMBER for split in splits], dtype=np.uint8)
    return graph.add(
        "TreeEnsemble",
        source,
        domain=ML,
        n_targets=width,
        aggregate_function=_SUM,
        post_transform=0,
        tree_roots=table.roots,
        nodes_featureids=[split.feature for split in splits],
        nodes_modes=numpy_helper.from_array(modes),
        nodes_splits=_doubles([split.threshold for split in splits]),
        nodes_missing_value_tracks_true=[int(split.null_left) for split in splits],
        nodes_truenodeids=table.left,
        nodes_trueleafs=table.left_is_leaf,
        nodes_falsenodeids=table.right,
        nodes_falseleafs=table.right_is_leaf,
        leaf_targetids=sums,
        leaf_weights=_doubles(table.leaves),
        **extra,
    )


class _Table:
    """Splits and leaves of all trees, as the operator wants them."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.splits: list[Node] = []
        self.leaves: list[float] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.left_is_leaf: list[int] = []
        self.right_is_leaf: list[int] = []

    def place(self, nodes: Tree, root: int) -> int:
        """Append a tree; a tree of one leaf becomes a split with that leaf on both sides."""
        if nodes[root].left < 0:
            nodes = [Node(left=1, right=1), nodes[root]]
            root = 0
        first = len(self.splits)
        order = [index for index, node in enumerate(nodes) if node.left >= 0]
        place = {index: first + number for number, index in enumerate(order)}
        for index in order:
            node = nodes[index]
            self.splits.append(node)
            for child, ids, flags in (
                (node.left, self.left, self.left_is_leaf),
                (node.right, self.right, self.right_is_leaf),
            ):
                flags.append(int(child not in place))
                if child in place:
                    ids.append(place[child])
                else:
                    ids.append(len(self.leaves))
                    self.leaves.append(nodes[child].value)
        return place[root]


def _doubles(values: list[float]) -> Any:
    return numpy_helper.from_array(np.array(values, dtype=np.float64))


def of_sklearn(fitted: tree.DecisionTreeClassifier | tree.DecisionTreeRegressor, leaf: npt.NDArray[np.float64]) -> Tree:
    """A scikit-learn tree; `leaf` gives each node's value. It expects inputs rounded to float32."""
    inner = fitted.tree_
    return [
        Node(value=float(leaf[index]))
        if inner.children_left[index] < 0
        else Node(
            left=int(inner.children_left[index]),
            right=int(inner.children_right[index]),
            feature=int(inner.feature[index]),
            threshold=float(inner.threshold[index]),
            null_left=bool(inner.missing_go_to_left[index]),
        )
        for index in range(inner.node_count)
    ]


def probabilities(fitted: tree.DecisionTreeClassifier, at: int = 1) -> npt.NDArray[np.float64]:
    """A class's share in each node: of two classes the positive one's."""
    shares = fitted.tree_.value[:, 0, :]
    result: npt.NDArray[np.float64] = shares[:, at] / shares.sum(axis=1)
    return result


def of_histogram(predictor: Any) -> Tree:
    """A tree of histogram gradient boosting, with its categorical splits."""
    return [
        Node(value=float(node["value"]))
        if node["is_leaf"]
        else Node(
            left=int(node["left"]),
            right=int(node["right"]),
            feature=int(node["feature_idx"]),
            threshold=float(node["num_threshold"]),
            members=_bits(predictor.raw_left_cat_bitsets[node["bitset_idx"]]) if node["is_categorical"] else None,
            null_left=bool(node["missing_go_to_left"]),
        )
        for node in predictor.nodes
    ]


def _bits(words: npt.NDArray[np.uint32]) -> tuple[float, ...]:
    return tuple(float(32 * at + bit) for at, word in enumerate(words) for bit in range(32) if int(word) >> bit & 1)


def of_lightgbm(structure: dict[str, Any]) -> Tree:
    """A tree of LightGBM's model dump."""
    nodes: Tree = []
    _grow(structure, nodes)
    return nodes


def _grow(part: dict[str, Any], nodes: Tree) -> int:
    at = len(nodes)
    if "split_feature" not in part:
        nodes.append(Node(value=float(part["leaf_value"])))
        return at
    nodes.append(Node())
    left = _grow(part["left_child"], nodes)
    right = _grow(part["right_child"], nodes)
    category = part["decision_type"] == "=="
    if part["missing_type"] == "Zero":
        raise Unsupported("LightGBM with zero as missing")
    threshold = 0.0 if category else float(part["threshold"])
    members = tuple(float(number) for number in str(part["threshold"]).split("||")) if category else None
    if part["missing_type"] == "NaN":
        null_left = bool(part["default_left"]) and not category
    else:  # LightGBM takes null for zero where training saw none
        null_left = 0.0 in members if members is not None else threshold >= 0.0
    nodes[at] = Node(
        left=left,
        right=right,
        feature=int(part["split_feature"]),
        threshold=threshold,
        members=members,
        null_left=null_left,
    )
    return at


def forest(graph: Graph, model: Any, source: str, *, binary: bool) -> str:
    """The mean over a forest's trees (or the one tree): a probability or a value."""
    members = model.estimators_ if isinstance(model, ensemble.BaseEnsemble) else [model]
    grown = [of_sklearn(one, probabilities(one) if binary else one.tree_.value[:, 0, 0]) for one in members]
    total = add(graph, grown, graph.rounded(source))
    return graph.add("Div", total, graph.constant(np.array([float(len(members))])))


def scaled(node: Node, factor: float) -> Node:
    """The node with its value times a factor."""
    return msgspec.structs.replace(node, value=node.value * factor)
