"""A model's fused form gives ONNX Runtime's bits, for every kind of model that has one, whatever the batch."""

import dataclasses
import functools
import threading
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from podium.bundle import columns, grid, layout
from podium.bundle.engines.onnx import file, fused, model, session, unrolled
from podium.bundle.export import alike, frame
from podium.bundle.export import onnx as export
from podium.core import bundle, native
from podium.core.signature import Signature
from tests import engine_kit
from tests.unit import test_bundle_export as one
from tests.unit import test_export_several_classes as several

pytestmark = [
    *one.pytestmark,
    *several.pytestmark,
    pytest.mark.skipif(native.part(native.FUSED) is None, reason="Podium was installed without a compiler"),
]
MODELS = [*one.OURS, *(f"several: {name}" for name in several.OURS)]


@dataclasses.dataclass(frozen=True)
class Made:
    data: bytes
    signature: Signature
    table: columns.Columns


@functools.cache
def made(name: str) -> Made:
    if name.startswith("several: "):
        fitted = several.fitted(several.OURS[name.removeprefix("several: ")])
        signature, rows = several.SIGNATURE, several.TABLE
    else:
        task, before, last = one.OURS[name]
        fitted, signature, rows = one.fitted(task, before, last), one.signature(task), one.unseen()
    exported = export.export(fitted, signature, rows)
    return Made(exported.model, signature, frame.table(signature, rows))


def bits(scores: Any) -> Any:
    """NaNs are the same whatever their bits."""
    return np.where(np.isnan(scores), np.int64(-1), scores.view(np.int64))


@pytest.mark.parametrize("name", MODELS)
def test_it_gives_the_bits_of_onnx_runtime_in_any_batch(name: str) -> None:
    found = made(name)
    theirs, read = session.Scorer(found.data), file.read(found.data)
    mine = fused.Scorer(read)
    assert fused.described(read).fused
    for table in (found.table, alike.odd(found.table)):
        np.testing.assert_array_equal(bits(mine.predict(table)), bits(theirs.predict(table)))
    whole = mine.predict(found.table)
    rows = grid.of(grid.order(found.signature), found.table)
    for size in (1, 2, 3, 8, 50, 65, 1000):
        parts = [mine.predict_grid(grid.take(rows, slice(at, at + size))) for at in range(0, len(rows), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes(), size
    none = mine.predict(columns.take(found.table, slice(0, 0)))
    assert none.shape == theirs.predict(columns.take(found.table, slice(0, 0))).shape


@pytest.mark.parametrize("name", ["histogram categories", "vote", "encoded numbers", "several: histogram"])
def test_a_file_is_read_as_onnx_reads_it(name: str) -> None:
    data = made(name).data
    read, theirs = file.read(data), onnx.load_from_string(data)
    assert [(node.op_type, *node.input, *node.output) for node in theirs.graph.node] == [
        (node.operator, *node.inputs, *node.outputs) for node in read.nodes
    ]
    for node, mine in zip(theirs.graph.node, read.nodes, strict=True):
        assert {each.name for each in node.attribute} == set(mine.attributes)
        for each in node.attribute:
            said = onnx.helper.get_attribute_value(each)
            if isinstance(said, onnx.TensorProto):
                said = numpy_helper.to_array(said)
            elif each.type in (onnx.AttributeProto.STRING, onnx.AttributeProto.STRINGS):
                said = said.decode() if isinstance(said, bytes) else [text.decode() for text in said]
            np.testing.assert_array_equal(mine.attributes[each.name], said)
    for constant in theirs.graph.initializer:
        np.testing.assert_array_equal(read.constants[constant.name], numpy_helper.to_array(constant))
    assert read.metadata == {entry.key: entry.value for entry in theirs.metadata_props}


@pytest.mark.parametrize("name", one.OTHERS)
def test_what_has_no_fused_form_is_left_to_onnx_runtime(name: str, tmp_path: Any) -> None:
    task, before, last = one.OTHERS[name]
    data = export.export(one.fitted(task, before, last), one.signature(task), one.unseen()).model
    assert not fused.described(file.read(data)).fused
    with pytest.raises(fused.Unsupported):
        fused.Scorer(file.read(data))
    (tmp_path / bundle.MODEL).write_bytes(data)
    assert isinstance(loaded(tmp_path), session.Scorer)


def loaded(folder: Any) -> Any:
    manifest: Any = None
    where: Any = None
    return model.load(folder, manifest, where)


def test_only_what_was_proven_at_its_export_runs_fused(tmp_path: Any) -> None:
    data = made("boosting").data
    (tmp_path / bundle.MODEL).write_bytes(data)
    assert isinstance(loaded(tmp_path), fused.Scorer)
    unproven = onnx.load_from_string(data)
    for entry in unproven.metadata_props:
        entry.value = entry.value.replace('"fused":true', '"fused":false')
    (tmp_path / bundle.MODEL).write_bytes(unproven.SerializeToString())
    assert isinstance(loaded(tmp_path), session.Scorer)


def test_another_answer_is_found_at_the_export() -> None:
    """The proof can fail: a leaf that differs in its last bit, a sum in another order."""
    found = made("boosting")
    theirs = session.Scorer(found.data)
    scores = theirs.predict(found.table)
    assert alike.is_alike(found.data, theirs, found.table, scores)
    wrong = scores.copy()
    wrong[7] = np.nextafter(wrong[7], 1.0)
    assert not alike.is_alike(found.data, theirs, found.table, wrong)
    changed = onnx.load_from_string(found.data)
    (trees,) = (node for node in changed.graph.node if node.op_type == "TreeEnsemble")
    (leaves,) = (each for each in trees.attribute if each.name == "leaf_weights")
    values = numpy_helper.to_array(leaves.t).copy()
    values[np.arange(0, len(values), 3)] *= 1 + 1e-12
    leaves.t.CopyFrom(numpy_helper.from_array(values))
    assert not alike.is_alike(changed.SerializeToString(), theirs, found.table, scores)


@pytest.mark.parametrize("data", [b"nonsense", b"", b"\x3a\x05ab", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"])
def test_what_is_no_onnx_is_not_read(data: bytes) -> None:
    with pytest.raises(file.Unreadable):
        file.read(data)


def test_a_file_cut_anywhere_is_not_read_or_has_no_program() -> None:
    data = made("logistic").data
    for end in range(0, len(data) - 1, 7):
        try:
            fused.Scorer(file.read(data[:end]))
        except (file.Unreadable, fused.Unsupported):
            continue
        except Exception as problem:  # noqa: BLE001
            assert "does not say how" in str(problem), end  # noqa: PT017 - the end of the file is its metadata


@pytest.mark.parametrize("name", ["boosting", "histogram", "histogram categories", "forest", "lightgbm nulls", "tree"])
def test_all_ways_through_trees_end_at_the_same_leaves(name: str) -> None:
    """Down each, or by striking leaves, with vectors of any width that the processor has; also of nulls."""
    found = made(name)
    read = file.read(found.data)
    parts = unrolled.unroll(read, fused.described(read)).parts
    table = alike.odd(found.table)
    rows = grid.of(grid.order(found.signature), table)
    want, tried = bits(session.Scorer(found.data).predict(table)), []
    for way in ("down", "plain", "avx2", "avx512"):
        try:
            one = native.part(native.FUSED).Program(
                width=rows.numbers.shape[1], depth=rows.texts.shape[1], **parts._asdict(), way=way
            )
        except ValueError as problem:
            assert "no such way" in str(problem)  # noqa: PT017
            continue
        scores = np.empty(len(rows))
        one.score(rows.numbers, rows.texts, scores)
        np.testing.assert_array_equal(bits(scores), want)
        tried.append(way)
    assert tried[:2] == ["down", "plain"]


def test_no_way_of_another_name_is_taken() -> None:
    with pytest.raises(ValueError, match="no such way"):
        program(way="around")


def program(**changed: Any) -> Any:
    part = native.part(native.FUSED)
    told: dict[str, Any] = {
        "width": 1,
        "depth": 0,
        "columns": 1,
        "answers": np.array([0], dtype=np.int32).tobytes(),
        "steps": steps((0, 0, 0, 0, 0.0)),
        "list": b"",
        "table": b"",
        "dictionaries": (),
        "ensembles": (),
    }
    return part.Program(**(told | changed))


def steps(*each: tuple[int, int, int, int, float]) -> bytes:
    kinds = [("kind", "i4"), ("to", "i4"), ("a", "i4"), ("b", "i4"), ("value", "f8")]
    return np.array(list(each), dtype=kinds).tobytes()


def numbers(*each: float) -> bytes:
    return np.array(each, dtype=np.float64).tobytes()


def tree(child: int, cell: int = 0, nodes: int = 3, root: int = 0) -> tuple[bytes, ...]:
    made = np.zeros(nodes, dtype=[("limit", "f8"), ("cell", "u4"), ("child", "u4")])
    made["child"] = np.arange(nodes)
    made[0] = (0.5, cell, child)
    one = np.array([1], dtype=np.uint32).tobytes()
    return made.tobytes(), np.zeros(nodes).tobytes(), np.array([root], dtype=np.uint32).tobytes(), one, one


TREES = 28
NONSENSE: dict[str, dict[str, Any]] = {
    "no columns": {"columns": 0},
    "too many columns": {"columns": 2**40},
    "no inputs": {"width": 0},
    "no answer": {"answers": b""},
    "an answer beyond": {"answers": np.array([1], dtype=np.int32).tobytes()},
    "half a step": {"steps": b"abc"},
    "an unknown step": {"steps": steps((29, 0, 0, 0, 0.0))},
    "a column beyond": {"steps": steps((0, 1, 0, 0, 0.0))},
    "a column before": {"steps": steps((0, -1, 0, 0, 0.0))},
    "an input beyond": {"steps": steps((0, 0, 1, 0, 0.0))},
    "an operand beyond": {"steps": steps((3, 0, 0, 1, 0.0))},
    "a dictionary beyond": {"depth": 1, "steps": steps((1, 0, 0, 0, 0.0))},
    "a dictionary of other things": {"depth": 1, "dictionaries": ({"a": 1},), "steps": steps((1, 0, 0, 0, 0.0))},
    "a text looked up late": {
        "depth": 1,
        "dictionaries": ({"a": 1.0},),
        "steps": steps((0, 0, 0, 0, 0.0), (1, 0, 0, 0, 0.0)),
    },
    "a set beyond": {"table": numbers(2, 1), "steps": steps((25, 0, 0, 0, 0.0))},
    "a set of a negative size": {"table": numbers(-1), "steps": steps((25, 0, 0, 0, 0.0))},
    "a set of no size": {"table": numbers(float("nan")), "steps": steps((25, 0, 0, 0, 0.0))},
    "codes beyond": {"table": numbers(1, 1), "steps": steps((26, 0, 0, 0, 0.0))},
    "a sum beyond": {"list": np.zeros(4, dtype=np.int32).tobytes(), "steps": steps((27, 0, 0, 8, 0.0))},
    "a sum of three": {"list": np.zeros(4, dtype=np.int32).tobytes(), "steps": steps((27, 0, 0, 3, 0.0))},
    "a list of columns beyond": {"list": np.full(4, 9, dtype=np.int32).tobytes(), "steps": steps((27, 0, 0, 4, 0.0))},
    "trees beyond": {"steps": steps((TREES, 0, 0, 0, 0.0))},
    "an ensemble without depths": {"ensembles": (tree(1)[:4],)},
    "a tree's side beyond": {"ensembles": (tree(2),)},
    "a tree's column beyond": {"ensembles": (tree(1, cell=1),)},
    "a tree's root beyond": {"ensembles": (tree(1, root=3),)},
    "no ensemble": {"ensembles": (b"",)},
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_program_that_makes_no_sense_is_not_made(name: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        program(**NONSENSE[name])


def test_rows_of_another_shape_are_not_scored() -> None:
    made = program()
    none = np.empty((2, 0), dtype=object)
    scores = np.empty(2)
    made.score(np.array([[1.0], [2.0]]), none, scores)
    assert scores.tolist() == [1.0, 2.0]
    for rows in (np.array([[1.0]]), np.array([[1, 2]]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((2, 1), ">f8")):
        with pytest.raises(ValueError, match="are not"):
            made.score(rows, none, scores)
    with pytest.raises(ValueError, match="texts"):
        made.score(np.zeros((2, 1)), np.zeros((2, 1), dtype=object), scores)
    with pytest.raises((ValueError, BufferError)):
        made.score(np.zeros((2, 2))[:, :1], none, scores)
    words = program(depth=1, width=0, dictionaries=({"a": 1.0},), steps=steps((1, 0, 0, 0, 7.0)))
    words.score(np.empty((2, 0)), np.array([["a"], ["b"]], dtype=object), scores)
    assert scores.tolist() == [1.0, 7.0]
    with pytest.raises(TypeError, match="not a str"):
        words.score(np.empty((2, 0)), np.array([["a"], [None]], dtype=object), scores)


def test_threads_score_at_once() -> None:
    """Of long calls, which let each other run, and of short ones."""
    found = made("forest")
    mine = fused.Scorer(file.read(found.data))
    rows = grid.of(grid.order(found.signature), found.table)
    many = grid.Grid(np.tile(rows.numbers, (20, 1)), np.tile(rows.texts, (20, 1)))
    whole, wrong = mine.predict_grid(many).tobytes(), []

    def ask() -> None:
        for _ in range(5):
            short = mine.predict_grid(grid.take(many, slice(0, 40))).tobytes()
            if mine.predict_grid(many).tobytes() != whole or not whole.startswith(short):
                wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_layout_of_old_files_says_nothing_of_it() -> None:
    assert layout.Layout(numbers=("a",), texts=()).fused is False


def test_the_conformance_suite_asks_a_fused_model(tmp_path: Any) -> None:
    (tmp_path / bundle.MODEL).write_bytes(engine_kit.fused_files()[bundle.MODEL])
    assert isinstance(loaded(tmp_path), fused.Scorer)
