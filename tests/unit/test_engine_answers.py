"""Whatever a model file gives, callers get float64, exactly one score a row, or are told that the model fails."""

from pathlib import Path
from typing import Any

import numpy
import pytest
from onnx import TensorProto, helper

from podium.bundle import grid, layout, read
from podium.bundle.engines import answer
from podium.bundle.engines.onnx import session
from podium.bundle.runtime import Runtime
from podium.core import bundle
from podium.core.errors import Invalid, Refused
from tests import odd_models as odd


def load(folder: Path, data: bytes) -> Runtime:
    named = odd.write_bundle(folder, {bundle.MODEL: data})
    return Runtime(odd.at(folder, named), read.verify(odd.at(folder, named), named))


def as_grid(amounts: list[float | None]) -> grid.Grid:
    return grid.of(grid.order(odd.SIGNATURE), odd.table(amounts))


def fails(model: Runtime, amounts: list[float | None]) -> None:
    with pytest.raises(Invalid, match="fails on these rows") as told:
        model.predict(odd.table(amounts))
    assert told.value.field == "model"
    with pytest.raises(Invalid, match="fails on these rows"):
        model.predict_grid(as_grid(amounts))


@pytest.mark.parametrize("rows_at_once", [0, 1, 2])
def test_a_model_that_leaves_rows_out_answers_nobody(tmp_path: Path, rows_at_once: int) -> None:
    model = load(tmp_path, odd.graph(odd.WITHOUT_NULLS, odd.DROPPING, rows_at_once=rows_at_once))
    assert model.check_golden() < 1e-9
    fails(model, [1.0, None, 3.0])
    fails(model, [None])
    assert model.predict(odd.table([1.0, 3.0])).tolist() == [0.001, 0.003]


def test_what_one_part_of_the_rows_lacks_is_not_made_good_by_another(tmp_path: Path) -> None:
    """Of the first two rows one, of the others three scores: as many as rows, and each at another's place."""
    nodes = [
        helper.make_node("Squeeze", [layout.NUMBERS, "axis"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["once"], to=TensorProto.STRING),
        helper.make_node("Greater", ["flat", "limit"], ["big"]),
        helper.make_node("Where", ["big", "once", "out"], ["again"]),
        helper.make_node("Concat", ["once", "again"], ["words"], axis=0),
        *odd.LEFT,
    ]
    more = {"limit": numpy.array([100.0]), "out": numpy.array(["out"], dtype=object)}
    model = load(tmp_path, odd.graph(nodes, odd.DROPPING | more, rows_at_once=2))
    assert model.predict(odd.table([5.0, 6.0])).tolist() == [0.005, 0.006]
    fails(model, [5.0, None, 500.0, 6.0])


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64])
def test_other_numbers_become_float64(tmp_path: Path, kind: int) -> None:
    nodes = [odd.IN_SINGLE[0], helper.make_node("Cast", ["scaled"], [layout.SCORE], to=kind)]
    model = load(tmp_path, odd.graph(nodes, odd.SCALE, kind=kind))
    for found in (model.predict(odd.table([1000.0, 3000.0])), model.predict_grid(as_grid([1000.0, 3000.0]))):
        assert found.dtype.name == "float64"
        assert found.tolist() == [1.0, 3.0]


def test_a_float32_score_proves_itself_on_golden_rows(tmp_path: Path) -> None:
    model = load(tmp_path, odd.graph(odd.IN_SINGLE, odd.SCALE, kind=TensorProto.FLOAT))
    assert 0 < model.check_golden() < 1e-9


@pytest.mark.parametrize(
    ("nodes", "kind", "shape"),
    [
        ([helper.make_node("ReduceSum", [layout.NUMBERS], [layout.SCORE], keepdims=0)], TensorProto.DOUBLE, []),
        (
            [helper.make_node("Cast", [layout.NUMBERS], [layout.SCORE], to=TensorProto.STRING)],
            TensorProto.STRING,
            [None, 1],
        ),
        (
            [helper.make_node("Concat", [layout.NUMBERS, layout.NUMBERS], [layout.SCORE], axis=1)],
            TensorProto.DOUBLE,
            [None, 2],
        ),
    ],
    ids=["one number for all", "texts", "two a row"],
)
def test_anything_else_is_the_models_fault(tmp_path: Path, nodes: list[Any], kind: int, shape: list[Any]) -> None:
    fails(load(tmp_path, odd.graph(nodes, {}, kind=kind, shape=shape)), [1.0, 2.0])


@pytest.mark.parametrize("shape", [["n"], [None, None], [None, 1]])
def test_no_rows_have_no_scores(tmp_path: Path, shape: list[Any]) -> None:
    nodes = [helper.make_node("Mul", [layout.NUMBERS, "scale"], ["scaled"])]
    nodes.append(helper.make_node("Squeeze", ["scaled", "axis"], [layout.SCORE]) if len(shape) == 1 else odd.SCALED[0])
    model = load(tmp_path, odd.graph(nodes, odd.DROPPING, shape=shape))
    assert model.predict(odd.table([])).shape == model.predict_grid(as_grid([])).shape == (0,)
    assert model.predict(odd.table([1.0])).tolist() == [0.001]
    assert len(session.Scorer(odd.graph(nodes, odd.DROPPING, shape=shape)).predict(odd.table([]))) == 0


def test_what_onnx_runtime_raises_is_the_models_fault(tmp_path: Path) -> None:
    model = load(tmp_path, odd.graph(odd.BY_TABLE, odd.TABLE))
    assert model.check_golden() == 0
    fails(model, [99.0])
    fails(model, [1.0, 99.0])


def test_a_model_file_without_a_score_is_refused(tmp_path: Path) -> None:
    data = odd.graph(odd.SCALED, odd.SCALE).replace(layout.SCORE.encode(), b"other")
    with pytest.raises(Refused, match="no output that is called 'score'"):
        load(tmp_path, data)


def test_an_answer_that_is_right_is_not_copied() -> None:
    for found, classes in ((numpy.zeros(3), 0), (numpy.zeros((3, 2)), 2)):
        assert answer.exact(found, 3, classes) is found


def test_an_answer_is_in_c_order() -> None:
    for found, classes in ((numpy.ones((3, 2))[:, 1], 0), (numpy.asfortranarray(numpy.ones((3, 2))), 2)):
        made = answer.exact(found, 3, classes)
        assert made.flags.c_contiguous
        assert made.tolist() == found.tolist()
    with pytest.raises(Invalid):
        answer.exact(numpy.ones(3, dtype=numpy.complex128), 3, 0)
