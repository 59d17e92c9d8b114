"""Trees that would go wrong only for some later row are refused when they are loaded."""

import struct
from pathlib import Path

import numpy
import pytest
import treelite

from podium.bundle import read
from podium.bundle.engines.treelite import shape
from podium.bundle.runtime import Runtime
from podium.core import bundle, digest, engine
from podium.core.errors import Refused
from tests import engine_kit
from tests import odd_models as odd


def changed(name: str, at: int, value: float) -> treelite.Model:
    """The trees with one number of one field of the first tree changed."""
    trees = treelite.Model.deserialize_bytes(odd.trees())
    tree = trees.get_tree_accessor(0)
    field = numpy.array(tree.get_field(name))
    field[at] = value
    tree.set_field(name, field)
    return trees


@pytest.mark.parametrize(
    ("name", "at", "value", "why"),
    [
        ("cright", 2, 2, "two ways lead to one node"),
        ("cright", 2, 3, "two ways lead to one node"),
        ("cleft", 2, 0, "a side of a split is not there"),
        ("cright", 2, 500_000_000, "a side of a split is not there"),
        ("cright", 2, -1, "a side of a split is not there"),
        ("cleft", 2, -7, "a side of a split is not there"),
        ("split_index", 2, 500_000_000, "a feature that is not there"),
        ("split_index", 2, -1, "a feature that is not there"),
        ("cmp", 2, 0, "compares in a way that is not known"),
        ("leaf_vector_end", 4, 1 << 40, "names what is not in its list"),
        ("leaf_vector_begin", 4, 3, "names what is not in its list"),
    ],
)
def test_trees_in_which_a_row_gets_lost_are_refused(name: str, at: int, value: int, why: str) -> None:
    with pytest.raises(Refused, match=why):
        shape.check(changed(name, at, value))


def test_a_header_that_names_scores_that_are_not_there_is_refused() -> None:
    for name, value in (("target_id", 7), ("class_id", -2), ("num_class", 0)):
        trees = treelite.Model.deserialize_bytes(odd.trees())
        header = trees.get_header_accessor()
        header.set_field(name, numpy.array([value], dtype=numpy.int32))
        with pytest.raises(Refused, match="not sound"):
            shape.check(trees)


def test_nulls_and_numbers_without_end_are_sound() -> None:
    for name, at, value in (("threshold", 2, numpy.nan), ("threshold", 0, numpy.inf), ("leaf_value", 4, numpy.nan)):
        shape.check(changed(name, at, value))


def test_what_is_trained_is_sound() -> None:
    shape.check(treelite.Model.deserialize_bytes(odd.trees()))
    shape.check(treelite.Model.deserialize_bytes(engine_kit.treelite_files()["model.treelite"]))


def test_a_bundle_with_a_way_in_a_circle_is_not_loaded(tmp_path: Path) -> None:
    """The file that a stranger made: it answers every golden row."""
    sides = struct.pack("<5i", 2, -1, 4, -1, -1)
    data = odd.trees()
    assert data.count(sides) == 1
    files = {
        bundle.ENGINE: digest.canonical(engine.Treelite()),
        "model.treelite": data.replace(sides, struct.pack("<5i", 2, -1, 2, -1, -1)),
    }
    named = odd.write_bundle(tmp_path, files, odd.manifest(engine=bundle.Engine.TREELITE))
    folder = odd.at(tmp_path, named)
    with pytest.raises(Refused, match="a row may never end"):
        Runtime(folder, read.verify(folder, named))
