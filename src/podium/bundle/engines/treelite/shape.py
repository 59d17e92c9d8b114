"""Whether every row ends in a leaf that is there: asked of trees when they are loaded, as Treelite does not ask.

Its files are taken as they are: one that was harmed, or made to harm, loops or reads other memory on some later row.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import treelite

from podium.core.errors import Refused

_LEAF, _CATEGORICAL = -1, 2
_LEAST_TEST, _LAST_TEST = 1, 5
"""Comparisons that Treelite knows."""
_Field = npt.NDArray[Any]
_EACH = (
    "cright",
    "split_index",
    "node_type",
    "cmp",
    "default_left",
    "threshold",
    "leaf_value",
    "leaf_vector_begin",
    "leaf_vector_end",
)
"""Fields with an entry for each node."""


class _Answer(NamedTuple):
    """What the trees give a row: a matrix of targets and classes; the shape of a leaf that holds several numbers."""

    targets: int
    classes: int
    leaf: tuple[int, int]


def check(trees: treelite.Model) -> None:
    """`Refused` with what is wrong with them."""
    try:
        _check(trees)
    except (treelite.TreeliteError, AttributeError, ValueError, IndexError, TypeError, OverflowError) as problem:
        raise _refused("they cannot be checked") from problem


def _check(trees: treelite.Model) -> None:
    header = trees.get_header_accessor()
    counts = header.get_field("num_class")
    targets, (rows, width) = int(header.get_field("num_target")[0]), header.get_field("leaf_vector_shape").tolist()
    if targets < 1 or len(counts) != targets or counts.min() < 1 or rows < 1 or width < 1:
        raise _refused("they give no scores")
    answer = _Answer(targets, int(counts.max()), (rows, width))
    owners = np.stack([header.get_field("target_id"), header.get_field("class_id")], axis=1)
    if len(owners) != trees.num_tree or len(header.get_field("base_scores")) != targets * answer.classes:
        raise _refused("their lists differ in length")
    if (owners < -1).any() or (owners >= [answer.targets, answer.classes]).any():
        raise _refused("one adds to a score that is not there")
    for at in range(trees.num_tree):
        tree = trees.get_tree_accessor(at)
        leaf = _splits(tree, trees.num_feature)
        _leaves(tree, leaf, owners[at].tolist(), answer)


def _splits(tree: Any, features: int) -> npt.NDArray[np.bool_]:
    """Which nodes are leaves. All others lead to two that nothing else leads to, so that every way ends."""
    left = tree.get_field("cleft")
    count = len(left)
    fields: dict[str, _Field] = {name: tree.get_field(name) for name in _EACH}
    if not count or tree.get_field("num_nodes")[0] != count or any(len(each) != count for each in fields.values()):
        raise _refused("their lists differ in length")
    leaf: npt.NDArray[np.bool_] = left == _LEAF
    sides = np.concatenate([left[~leaf], fields["cright"][~leaf]])
    if ((sides < 1) | (sides >= count)).any():
        raise _refused("a side of a split is not there")
    if np.bincount(sides, minlength=1).max() > 1:
        raise _refused("two ways lead to one node, so that a row may never end")
    split = fields["split_index"][~leaf]
    if ((split < 0) | (split >= features)).any():
        raise _refused("a split asks for a feature that is not there")
    sets = ~leaf & (fields["node_type"] == _CATEGORICAL) & bool(tree.get_field("has_categorical_split")[0])
    tests = fields["cmp"][~leaf & ~sets]
    if ((tests < _LEAST_TEST) | (tests > _LAST_TEST)).any():
        raise _refused("a split compares in a way that is not known")
    if sets.any():
        _within(tree, "category_list", sets)
    return leaf


def _leaves(tree: Any, leaf: npt.NDArray[np.bool_], owner: list[int], answer: _Answer) -> None:
    begin, end = tree.get_field("leaf_vector_begin"), tree.get_field("leaf_vector_end")
    several = leaf & (begin != end)
    if (several != leaf).any() and min(owner) < 0:
        raise _refused("a leaf holds one number for several scores")
    if not several.any():
        return
    _within(tree, "leaf_vector", several)
    needed = (answer.targets if owner[0] < 0 else 1, answer.classes if owner[1] < 0 else 1)
    size = answer.leaf[0] * answer.leaf[1]
    if (end[several] - begin[several] != size).any() or any(a < b for a, b in zip(answer.leaf, needed, strict=True)):
        raise _refused("a leaf holds fewer numbers than it adds")


def _within(tree: Any, name: str, asked: npt.NDArray[np.bool_]) -> None:
    """Whether the parts of a list that some nodes name are in it."""
    begin, end = tree.get_field(f"{name}_begin"), tree.get_field(f"{name}_end")
    if len(begin) != len(asked) or len(end) != len(asked):
        raise _refused("their lists differ in length")
    if (begin[asked] > end[asked]).any() or (end[asked] > len(tree.get_field(name))).any():
        raise _refused("a node names what is not in its list")


def _refused(why: str) -> Refused:
    return Refused(f"The trees are not sound: {why}.", field="engine.model", fix="Write them again with Treelite.")
