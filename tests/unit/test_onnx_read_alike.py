"""A model file says to the check what it says to ONNX Runtime: no other reading of its bytes lets anything through."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from podium.bundle import layout
from podium.bundle.engines.onnx import file, session
from podium.bundle.engines.onnx import outside as outside_check
from podium.core.errors import Refused
from tests import odd_models as odd

MORE = odd.SCALE | {"yes": numpy.array(True), "thousand": numpy.array(1000), "flat": numpy.array([-1])}
WHOLE = [
    helper.make_node("ReduceMax", [layout.NUMBERS], ["most"], keepdims=0),
    helper.make_node("Cast", ["most"], ["whole"], to=TensorProto.INT64),
]
SIZED = [
    helper.make_node("Reshape", ["whole", "flat"], ["size"]),
    helper.make_node("ConstantOfShape", ["size"], ["big"]),
]
BIG = [
    helper.make_node("Size", ["big"], ["length"]),
    helper.make_node("Cast", ["length"], [layout.SCORE], to=TensorProto.DOUBLE),
]


def info(name: str, kind: int = TensorProto.DOUBLE, shape: list[int] | None = None) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def loop(turns: str = "whole", begin: str = layout.NUMBERS, output: str = layout.SCORE) -> Any:
    """Doubles a value so many times."""
    nodes = [helper.make_node("Identity", ["on"], ["on2"]), helper.make_node("Add", ["value", "value"], ["value2"])]
    given = [info("turn", TensorProto.INT64, []), info("on", TensorProto.BOOL, []), info("value")]
    body = helper.make_graph(nodes, "body", given, [info("on2", TensorProto.BOOL, []), info("value2")])
    return helper.make_node("Loop", [turns, "yes", begin], [output], body=body)


def varint(number: int, size: int = 1) -> bytes:
    parts: list[int] = []
    while number > 0x7F or len(parts) < size - 1:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def piece(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def with_more(model: bytes, number: int, data: bytes) -> bytes:
    """The file with one more piece in its graph."""
    made = onnx.ModelProto.FromString(model)
    graph = made.graph.SerializeToString() + piece(number, data)
    made.ClearField("graph")
    return bytes(made.SerializeToString() + piece(7, graph))


def scores(model: bytes, amount: float) -> list[float]:
    """What ONNX Runtime makes of an amount."""
    running = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = running.run([layout.SCORE], {layout.NUMBERS: numpy.array([[amount]])})[0]
    return [float(each) for each in found.ravel()]


def as_another(key: bytes) -> bytes:
    """A loop that says first that it is another operator, then what it is, under such a key."""
    plain = loop()
    plain.op_type = "Relu"
    return bytes(plain.SerializeToString()) + key + b"\x04Loop"


NODES = {
    "four bytes as its operator": loop().SerializeToString() + b"\x25Relu",
    "eight bytes as its operator": loop().SerializeToString() + b"\x21Identity",
    "four bytes as its domain": loop().SerializeToString() + b"\x3dmine",
    "a key beyond 32 bits": as_another(varint(4 << 3 | 2 | 1 << 32)),
    "a key in more bytes than it needs": as_another(varint(4 << 3 | 2, size=5)),
}


@pytest.mark.parametrize("what", NODES)
def test_an_operator_that_only_the_check_could_take_for_another_is_refused(what: str) -> None:
    model = with_more(odd.graph(WHOLE, MORE), 1, NODES[what])
    assert scores(model, 3.0) == [24.0]
    with pytest.raises(Refused, match=r"Loop|cannot load"):
        session.session(model)


def test_an_input_that_has_a_value_in_the_file_is_a_rows_all_the_same() -> None:
    constant = numpy_helper.from_array(numpy.array([[1.0]]), layout.NUMBERS).SerializeToString()
    nodes = [*WHOLE, *SIZED, helper.make_node("Cast", ["big"], [layout.SCORE], to=TensorProto.DOUBLE)]
    model = with_more(odd.graph(nodes, MORE), 5, constant)
    assert scores(model, 3.0) == [0.0] * 3
    with pytest.raises(Refused, match="ConstantOfShape by what a row says"):
        session.session(model)
    session.session(with_more(odd.graph(odd.SCALED, MORE), 5, constant))


def test_a_size_that_rows_decide_by_way_of_a_body_is_refused() -> None:
    """The body sees as its own input what is as long as some rows say."""
    few = [
        helper.make_node("Cast", [layout.NUMBERS], ["some"], to=TensorProto.BOOL),
        helper.make_node("NonZero", ["some"], ["at"]),
        helper.make_node("Cast", ["at"], ["few"], to=TensorProto.DOUBLE),
    ]
    inside = [
        helper.make_node("Size", ["state"], ["count"]),
        helper.make_node("Mul", ["count", "thousand"], ["whole"]),
        *SIZED,
        helper.make_node("Size", ["big"], ["length"]),
        helper.make_node("Cast", ["length"], ["done"], to=TensorProto.DOUBLE),
        helper.make_node("Identity", ["state"], ["state2"]),
    ]
    body = helper.make_graph(inside, "body", [info("state"), info("row")], [info("state2"), info("done")])
    scan = helper.make_node("Scan", ["few", layout.NUMBERS], ["end", layout.SCORE], body=body, num_scan_inputs=1)
    model = odd.graph([*few, scan], MORE, shape=[None])
    assert (scores(model, 3.0), scores(model, 0.0)) == ([2000.0], [0.0])
    with pytest.raises(Refused, match="NonZero by what a row says"):
        session.session(model)


def test_a_function_that_is_given_a_graph_is_refused() -> None:
    """What is in such a graph is run where the function says, of which nothing is known when it is looked through."""
    constants = {"five": numpy.array(5), "yes": numpy.array(True), "begin": numpy.array([[1.0]])}
    made = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(constants[name])) for name in constants
    ]
    branch = helper.make_graph([*made, loop("five", "begin", "looped")], "branch", [], [info("looped")])
    choice = helper.make_node("If", ["x"], ["z"])
    for name in ("then_branch", "else_branch"):
        choice.attribute.add(name=name, ref_attr_name="inside", type=onnx.AttributeProto.GRAPH)
    call = helper.make_node("Choose", ["yes"], [layout.SCORE], domain="own")
    versions = [helper.make_opsetid("own", 1)]
    told = helper.make_function("own", "Choose", ["x"], ["z"], [choice], [helper.make_opsetid("", 17)])
    told.attribute_proto.append(helper.make_attribute("inside", branch))
    model = odd.graph([call], MORE, functions=[told], opsets=versions)
    assert scores(model, 3.0) == [32.0]
    with pytest.raises(Refused, match="a function that is given a graph"):
        session.session(model)
    asked = helper.make_function("own", "Choose", ["x"], ["z"], [choice], [helper.make_opsetid("", 17)], ["inside"])
    call.attribute.append(helper.make_attribute("inside", branch))
    with pytest.raises(Refused, match="a function that is given a graph"):
        session.session(odd.graph([call], MORE, functions=[asked], opsets=versions))


def test_the_fused_form_is_made_of_no_other_file_than_the_runtime_reads() -> None:
    node = odd.SCALED[0].SerializeToString()
    constant = numpy_helper.from_array(numpy.array([0.001]), "scale")
    assert file.read(with_more(odd.graph([], {}), 1, node)).nodes[0].operator == "Mul"
    with pytest.raises(file.Unreadable):
        file.read(with_more(odd.graph([], {}), 1, node + b"\x25Relu"))
    with pytest.raises(file.Unreadable):
        file.read(with_more(odd.graph([], {}), 5, constant.SerializeToString() + b"\x0d\x01\x01\x01\x01"))
    del constant.dims[:]
    constant.ClearField("raw_data")
    alone = constant.SerializeToString() + b"\x51" + struct.pack("<d", 0.001)  # not packed, as the format allows
    assert file.read(with_more(odd.graph([], {}), 5, alone)).constants["scale"] == 0.001


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_a_function_named_as_an_operator_is_refused(domain: str) -> None:
    """ONNX Runtime goes by its own operator of that name: what stands in the function says nothing of what is done."""
    inside = [helper.make_node("Constant", [], ["y"], value=numpy_helper.from_array(numpy.array(1)))]
    function = helper.make_function(domain, "Cast", ["x"], ["y"], inside, [helper.make_opsetid("", 17)])
    model = odd.graph([*WHOLE, *SIZED, *BIG], MORE, functions=[function])
    with pytest.raises(Refused, match="named as an operator of the runtime's, Cast"):
        session.session(model)
    assert scores(model, 7.0) == [7.0]


def outside(place: str, where: str) -> bytes:
    """A file whose score is the byte of another file that a row names, kept as a constant or in an attribute."""
    secret = onnx.TensorProto(name="secret", data_type=TensorProto.UINT8, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", where), ("offset", "0"), ("length", "4")):
        secret.external_data.add(key=key, value=value)
    nodes = [
        helper.make_node("Cast", [layout.NUMBERS], ["at"], to=TensorProto.INT64),
        helper.make_node("Gather", ["secret", "at"], ["byte"]),
        helper.make_node("Cast", ["byte"], [layout.SCORE], to=TensorProto.DOUBLE),
    ]
    if place == "attribute":
        nodes.insert(0, helper.make_node("Constant", [], ["secret"], value=secret))
    model = onnx.ModelProto.FromString(odd.graph(nodes, MORE))
    if place == "constant":
        model.graph.initializer.append(secret)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("place", ["constant", "attribute"])
def test_a_tensor_in_another_file_is_refused(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime reads it, where it is below the working directory."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "secret").write_bytes(b"\x0b\x16\x21\x2c")
    monkeypatch.chdir(tmp_path)
    model = outside(place, "keys/secret")
    with pytest.raises(Refused, match="keeps tensors in other files"):
        session.session(model)
    if place == "constant":
        assert scores(model, 2.0) == [33.0]


def test_a_place_named_location_is_no_other_file() -> None:
    nodes = [helper.make_node("Identity", [layout.NUMBERS], ["location"]), *odd.SCALED]
    assert session.session(odd.graph(nodes, MORE))


def test_long_lists_are_not_read_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees have millions of numbers, one by one."""
    seen = 0

    def counted(data: bytes) -> Iterator[file.Piece]:
        nonlocal seen
        for each in pieces(data):
            seen += 1
            yield each

    pieces = file.pieces
    monkeypatch.setattr(file, "pieces", counted)
    many = helper.make_node("Tree", [layout.NUMBERS], ["location"], domain="ai.onnx.ml", ids=list(range(100_000)))
    outside_check.check(odd.graph([many, *odd.SCALED], MORE))
    assert 10 < seen < 1000
