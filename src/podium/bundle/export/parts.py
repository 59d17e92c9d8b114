"""A fitted estimator's trees with the cover of every node, or its weights: what its margin is the sum of."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from podium.bundle.explain import table
from podium.bundle.explain.explainer import Links
from podium.bundle.export import exact, trees
from podium.bundle.export.graph import Unsupported

_SCALES = {"Sigmoid": Links.LOG_ODDS, "Exp": Links.LOG}


class Parts(NamedTuple):
    """The numbers, what they are added to, and on which scale."""

    numbers: table.Nodes | table.Linear
    start: float
    scale: str


class Grown(NamedTuple):
    """A tree, and how much of the training data reached each of its nodes."""

    nodes: trees.Tree
    cover: list[float]


def of(model: Any, means: Callable[[], table.Doubles], *, binary: bool) -> Parts:
    """The parts of an estimator; `means`: of its columns in training. `Unsupported` for kinds whose score is no sum."""
    if binary and list(np.asarray(model.classes_).astype(np.float64)) != [0.0, 1.0]:
        raise Unsupported("classes other than 0 and 1")
    kind = type(model)
    if kind in exact.LINEAR:
        weights = np.asarray(model.coef_, dtype=np.float64).ravel()
        start = float(np.ravel(model.intercept_)[0])
        return Parts(table.Linear(weights, means()), start, Links.LOG_ODDS if binary else Links.TARGET)
    if kind in exact.FORESTS:
        return _forest(model, binary=binary)
    if kind in exact.BOOSTED:
        grown = [_sklearn(one, one.tree_.value[:, 0, 0] * model.learning_rate) for one in model.estimators_[:, 0]]
        return Parts(gather(grown), exact.boosting_start(model), Links.LOG_ODDS if binary else Links.TARGET)
    if kind in exact.HISTOGRAMS:
        return _histogram(model)
    if is_sum(model):
        return _lightgbm(model)
    raise unknown(model)


def unknown(model: Any) -> Unsupported:
    """Say that an estimator's score is no sum that is known here."""
    return Unsupported(f"the estimator {type(model).__name__}")


def is_sum(model: Any) -> bool:
    """Whether an estimator is of a kind that can be taken apart."""
    kind = type(model)
    known = (*exact.LINEAR, *exact.FORESTS, *exact.BOOSTED, *exact.HISTOGRAMS)
    return kind in known or (kind.__module__.split(".")[0] == "lightgbm" and hasattr(model, "booster_"))


def gather(grown: list[Grown]) -> table.Nodes:
    """One table of several trees."""
    whole = [(node, cover) for each in grown for node, cover in zip(each.nodes, each.cover, strict=True)]
    if len(whole) > table.MOST_NODES:
        raise Unsupported(f"trees of {len(whole)} nodes within reasonable size")
    first = np.cumsum([0, *(len(each.nodes) for each in grown)])[:-1]
    shift = np.repeat(first, [len(each.nodes) for each in grown])
    sets = [np.array(node.members, dtype=np.float64) for node, _ in whole if node.members is not None]
    is_set = np.array([node.members is not None for node, _ in whole])
    left, right = (np.array([getattr(node, side) for node, _ in whole], dtype=np.int64) for side in ("left", "right"))
    return table.Nodes(
        roots=np.asarray(first, dtype=np.int64),
        left=np.where(left < 0, -1, left + shift),
        right=np.where(right < 0, -1, right + shift),
        feature=np.array([node.feature for node, _ in whole], dtype=np.int64),
        threshold=np.array([node.threshold for node, _ in whole], dtype=np.float64),
        null_left=np.array([node.null_left for node, _ in whole], dtype=np.bool_),
        members=np.where(is_set, np.cumsum(is_set) - 1, -1).astype(np.int64),
        value=np.array([node.value for node, _ in whole], dtype=np.float64),
        cover=np.array([cover for _, cover in whole], dtype=np.float64),
        sets=tuple(sets),
    )


def _sklearn(one: Any, leaf: Any) -> Grown:
    return Grown(trees.of_sklearn(one, leaf), one.tree_.weighted_n_node_samples.tolist())


def _forest(model: Any, *, binary: bool) -> Parts:
    if model.n_outputs_ != 1:
        raise Unsupported("several targets")
    members = list(getattr(model, "estimators_", [model]))
    grown = [
        _sklearn(one, (trees.probabilities(one) if binary else one.tree_.value[:, 0, 0]) / len(members))
        for one in members
    ]
    return Parts(gather(grown), 0.0, Links.PROBABILITY if binary else Links.TARGET)


def _histogram(model: Any) -> Parts:
    grown = [
        Grown(trees.of_histogram(stage[0]), [float(node["count"]) for node in stage[0].nodes])
        for stage in model._predictors  # noqa: SLF001
    ]
    start = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001
    return Parts(gather(grown), start, _SCALES.get(exact.histogram_link(model), Links.TARGET))


def _lightgbm(model: Any) -> Parts:
    dump = model.booster_.dump_model()
    if dump.get("num_tree_per_iteration") != 1 or any("leaf_coeff" in str(one)[:2000] for one in dump["tree_info"][:1]):
        raise Unsupported("LightGBM over many classes or with linear trees")
    link, factor = exact.lightgbm_link(str(dump.get("objective", "")))
    if dump.get("average_output"):
        factor /= len(dump["tree_info"])
    grown = []
    for one in dump["tree_info"]:
        nodes = [
            node if factor == 1.0 else trees.scaled(node, factor) for node in trees.of_lightgbm(one["tree_structure"])
        ]
        cover: list[float] = []
        _counts(one["tree_structure"], cover)
        grown.append(Grown(nodes, cover))
    return Parts(gather(grown), 0.0, _SCALES.get(link, Links.TARGET))


def _counts(part: dict[str, Any], cover: list[float]) -> None:
    """In the order of `trees.of_lightgbm`. A tree of one leaf names no count, and needs none."""
    if "split_feature" not in part:
        cover.append(float(part.get("leaf_count", 1)))
        return
    cover.append(float(part["internal_count"]))
    _counts(part["left_child"], cover)
    _counts(part["right_child"], cover)
