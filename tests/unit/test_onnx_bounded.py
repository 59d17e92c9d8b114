"""No row can keep a model file going, or decide how much memory it takes: such files are not loaded."""

from typing import Any

import numpy
import pytest
from onnx import TensorProto, helper
from sklearn import neighbors

from podium.bundle import layout
from podium.bundle.engines.onnx import bounded, session
from podium.bundle.export import general
from podium.core.errors import Refused
from tests import odd_models as odd

_VALUE = [
    helper.make_node("ReduceMax", [layout.NUMBERS], ["most"], keepdims=0),
    helper.make_node("Cast", ["most"], ["whole"], to=TensorProto.INT64),
    helper.make_node("Unsqueeze", ["whole", "axis"], ["sizes"]),
]
_SIZES = [helper.make_node("Shape", [layout.NUMBERS], ["sizes"])]
_MORE = odd.SCALE | {"axis": numpy.array([0]), "yes": numpy.array(True), "one": numpy.array(1), "zero": numpy.array(0)}


def _body(operator: str = "Identity", name: str = "inside") -> Any:
    info = helper.make_tensor_value_info
    return helper.make_graph(
        [helper.make_node("Identity", ["on"], ["on2"]), helper.make_node(operator, ["value"], ["value2"])],
        name,
        [
            info("turn", TensorProto.INT64, []),
            info("on", TensorProto.BOOL, []),
            info("value", TensorProto.DOUBLE, None),
        ],
        [info("on2", TensorProto.BOOL, []), info("value2", TensorProto.DOUBLE, None)],
    )


_LOOP = helper.make_node("Loop", ["whole", "yes", layout.NUMBERS], ["looped"], body=_body())


def _branch(node: Any, output: str) -> Any:
    return helper.make_graph([node], "branch", [], [helper.make_tensor_value_info(output, TensorProto.DOUBLE, None)])


def _function(name: str, nodes: list[Any]) -> Any:
    return helper.make_function("own", name, ["x", "y"], ["z"], nodes, [helper.make_opsetid("", 17)])


def _checked(nodes: list[Any], **more: Any) -> None:
    bounded.check(odd.graph([*nodes, *odd.SCALED], _MORE, **more))


def test_what_repeats_itself_is_refused() -> None:
    with pytest.raises(Refused, match="uses Loop, which a row could keep going for ever") as told:
        _checked([*_VALUE, _LOOP])
    assert "Python" in str(told.value.fix)


def test_what_goes_as_often_as_a_tensor_is_long_is_taken() -> None:
    """By hand, and as skl2onnx measures distances; a loop inside it is refused."""
    info = helper.make_tensor_value_info

    def scan(node: Any) -> Any:
        body = helper.make_graph(
            [node], "row", [info("row", TensorProto.DOUBLE, None)], [info("done", TensorProto.DOUBLE, None)]
        )
        return helper.make_node("Scan", [layout.NUMBERS], ["scanned"], body=body, num_scan_inputs=1)

    _checked([scan(helper.make_node("Identity", ["row"], ["done"]))])
    with pytest.raises(Refused, match="Loop"):
        _checked([*_VALUE, scan(helper.make_node("Loop", ["whole", "yes", "row"], ["done"], body=_body()))])


def test_a_model_by_distances_is_exported_in_onnx() -> None:
    near = neighbors.KNeighborsClassifier(3).fit(numpy.array(odd.GOLDEN).reshape(-1, 1), [0, 1] * 4)
    data = general.build(near, layout.of(odd.SIGNATURE), ["amount"], binary=True).SerializeToString()
    bounded.check(data)
    assert b"Scan" in data


def test_within_a_branch_or_a_function_too() -> None:
    choice = helper.make_node(
        "If",
        ["yes"],
        ["chosen"],
        then_branch=_branch(_LOOP, "looped"),
        else_branch=_branch(helper.make_node("Identity", [layout.NUMBERS], ["same"]), "same"),
    )
    with pytest.raises(Refused, match="Loop"):
        _checked([*_VALUE, choice])
    inside = _function("Turn", [helper.make_node("Loop", ["x", "", "y"], ["z"], body=_body())])
    call = helper.make_node("Turn", ["whole", layout.NUMBERS], ["looped"], domain="own")
    with pytest.raises(Refused, match="Loop"):
        _checked([*_VALUE, call], functions=[inside])


def test_a_function_that_calls_itself_is_refused() -> None:
    inside = _function("Turn", [helper.make_node("Turn", ["x", "y"], ["z"], domain="own")])
    call = helper.make_node("Turn", ["whole", layout.NUMBERS], ["looped"], domain="own")
    with pytest.raises(Refused, match="a function that calls itself"):
        _checked([*_VALUE, call], functions=[inside])


SIZED = [
    ("ConstantOfShape", ["sizes"]),
    ("Expand", [layout.NUMBERS, "sizes"]),
    ("Tile", [layout.NUMBERS, "sizes"]),
    ("Pad", [layout.NUMBERS, "sizes"]),
    ("OneHot", ["axis", "sizes", "axis"]),
    ("Resize", [layout.NUMBERS, "", "", "sizes"]),
]


@pytest.mark.parametrize(("operator", "inputs"), SIZED)
def test_a_size_that_a_row_says_is_refused(operator: str, inputs: list[str]) -> None:
    node = helper.make_node(operator, inputs, ["made"])
    with pytest.raises(Refused, match=f"{operator} by what a row says"):
        _checked([*_VALUE, node])
    _checked([*_SIZES, node])
    with pytest.raises(Refused, match=f"{operator} by what a row says"):
        _checked([node, *_SIZES])  # a name that is not made yet says nothing good


def test_a_range_to_what_a_row_says_is_refused() -> None:
    with pytest.raises(Refused, match="Range"):
        _checked([*_VALUE, helper.make_node("Range", ["zero", "whole", "one"], ["made"])])
    rows = [helper.make_node("Size", [layout.NUMBERS], ["rows"])]
    _checked([*rows, helper.make_node("Range", ["zero", "rows", "one"], ["made"])])


def test_what_a_function_makes_of_a_size_is_known_by_what_it_is_called_with() -> None:
    inside = _function("Sum", [helper.make_node("Add", ["x", "y"], ["z"])])
    calls = [
        helper.make_node("Sum", ["sizes", "axis"], ["more"], domain="own"),
        helper.make_node("ConstantOfShape", ["more"], ["made"]),
    ]
    _checked([*_SIZES, *calls], functions=[inside])
    with pytest.raises(Refused, match="ConstantOfShape"):
        _checked([*_VALUE, *calls], functions=[inside])


@pytest.mark.parametrize("data", [b"", b"this is no model", b"\x08\x00\x00\x00ORTM" + b"\x00" * 64, b"\x3a\xff"])
def test_what_cannot_be_read_is_not_loaded(data: bytes) -> None:
    with pytest.raises(Refused, match="cannot load"):
        session.session(data)


def test_a_session_is_never_made_of_such_a_file() -> None:
    with pytest.raises(Refused, match="Loop"):
        session.Scorer(odd.graph([*_VALUE, _LOOP, *odd.SCALED], _MORE))


_FEW = [  # by operator that makes a tensor as long as some rows say: its nodes, and how long that is
    [
        helper.make_node("Cast", [layout.NUMBERS], ["some"], to=TensorProto.BOOL),
        helper.make_node("NonZero", ["some"], ["few"]),
        helper.make_node("Shape", ["few"], ["count"]),
    ],
    [
        helper.make_node("Cast", [layout.NUMBERS], ["some"], to=TensorProto.BOOL),
        helper.make_node("Reshape", ["some", "flat"], ["chosen"]),
        helper.make_node("Compress", [layout.NUMBERS, "chosen"], ["few"], axis=0),
        helper.make_node("Add", ["few", "few"], ["more"]),
        helper.make_node("Size", ["more"], ["count"]),
    ],
    [
        *_VALUE,
        helper.make_node("Slice", [layout.NUMBERS, "axis", "sizes"], ["few"]),
        helper.make_node("Shape", ["few"], ["count"]),
    ],
    [
        *_VALUE,
        helper.make_node("TopK", [layout.NUMBERS, "sizes"], ["few", "at"], axis=0),
        helper.make_node("Shape", ["at"], ["count"]),
    ],
]


_BY_VALUE = ["NonZero", "Compress", "Slice", "TopK"]


@pytest.mark.parametrize(("operator", "nodes"), [*zip(_BY_VALUE, _FEW, strict=True)], ids=_BY_VALUE)
def test_a_tensor_as_long_as_a_row_says_is_refused(operator: str, nodes: list[Any]) -> None:
    """A constant of a million may be in the place of the rows, and nothing of it be left of golden ones."""
    more = _MORE | {"flat": numpy.array([-1]), "million": numpy.array([1_000_000])}
    with pytest.raises(Refused, match=f"uses {operator} by what a row says"):
        bounded.check(odd.graph([*nodes, *odd.SCALED], more))


def test_what_is_done_by_what_a_row_says_is_refused() -> None:
    branches = {
        name: _branch(helper.make_node("ConstantOfShape", ["axis"], [name]), name) for name in ("some", "others")
    }
    choice = helper.make_node("If", ["often"], ["chosen"], then_branch=branches["some"], else_branch=branches["others"])
    _checked([helper.make_node("Identity", ["yes"], ["often"]), choice])
    with pytest.raises(Refused, match="uses If by what a row says"):
        _checked([*_VALUE, helper.make_node("Greater", ["whole", "zero"], ["often"]), choice])


@pytest.mark.parametrize("operator", ["ReduceSum", "ReduceMean", "Squeeze", "Unsqueeze"])
def test_an_axis_that_a_row_says_is_refused(operator: str) -> None:
    node = helper.make_node(operator, ["scale", "sizes"], ["made"])
    with pytest.raises(Refused, match=f"{operator} by what a row says"):
        _checked([*_VALUE, node])
    _checked([helper.make_node("Identity", ["axis"], ["sizes"]), node])


def test_a_text_that_is_joined_to_itself_is_refused() -> None:
    _checked([helper.make_node("StringConcat", [layout.TEXTS, "one"], ["longer"])])
    with pytest.raises(Refused, match="StringConcat of two tensors"):
        _checked([helper.make_node("StringConcat", [layout.TEXTS, layout.TEXTS], ["longer"])])


def test_words_are_told_apart_but_not_multiplied() -> None:
    words = [
        helper.make_node("StringNormalizer", [layout.TEXTS], ["few"], stopwords=["a"]),
        helper.make_node("Cast", ["few"], ["numbers of them"], to=TensorProto.DOUBLE),
    ]
    _checked([*words, helper.make_node("Neg", ["numbers of them"], ["made"])])
    with pytest.raises(Refused, match="Mul of two tensors as long as a row says"):
        _checked([*words, helper.make_node("Mul", ["numbers of them", "numbers of them"], ["made"])])
    body = helper.make_graph(
        [helper.make_node("Identity", ["row"], ["done"])],
        "row",
        [helper.make_tensor_value_info("row", TensorProto.DOUBLE, None)],
        [helper.make_tensor_value_info("done", TensorProto.DOUBLE, None)],
    )
    with pytest.raises(Refused, match="Scan by what a row says"):
        _checked([*words, helper.make_node("Scan", ["numbers of them"], ["made"], body=body, num_scan_inputs=1)])
    sized = [helper.make_node("Shape", ["few"], ["sizes"]), helper.make_node("ConstantOfShape", ["sizes"], ["made"])]
    with pytest.raises(Refused, match="ConstantOfShape by what a row says"):
        _checked([*words, *sized])
