"""Infer requests as messages: every form means what JSON means; what is broken is named."""

import json
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given, settings, strategies
from tools import descriptors
from tritonclient.grpc import service_pb2

from podium.core import errors
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring import admission, codec, request
from podium.scoring.protocols import outputs, problem
from podium.scoring.protocols.grpc import infer, messages, wire
from podium.scoring.protocols.json_body import Malformed
from podium.scoring.rpc import codes

SIGNATURE = Signature(
    features=tuple(Field(name=kind.value, type=kind) for kind in FieldType), task=Task.BINARY, key="id", target="y"
)
ASKED = codec.Asked("delay", SIGNATURE, {}, lambda prefix: f"{prefix}-new")
VALUES: dict[str, tuple[str, list[Any]]] = {
    "number": ("FP64", [1.5, -0.0]),
    "integer": ("INT64", [3, -(2**53)]),
    "text": ("BYTES", [b"JFK", "é".encode()]),
    "boolean": ("BOOL", [True, False]),
    "id": ("BYTES", [b"UA1", b""]),
}
RAW = {
    "FP64": lambda values: struct.pack("<2d", *values),
    "INT64": lambda values: struct.pack("<2q", *values),
    "BOOL": lambda values: struct.pack("<2?", *values),
    "BYTES": lambda values: b"".join(struct.pack("<I", len(value)) + value for value in values),
}


def message(*, raw: bool, **more: Any) -> Any:
    made = messages.ModelInferRequest(model_name="delay", **more)
    for name, (kind, values) in VALUES.items():
        tensor = made.inputs.add(name=name, datatype=kind, shape=[2])
        if raw:
            made.raw_input_contents.append(RAW[kind](values))
        else:
            getattr(tensor.contents, infer.CONTENTS[kind]).extend(values)
    return made


def read(sent: Any) -> request.Rows:
    return infer.Heads().read(infer.parse(messages.ModelInferRequest, sent.SerializeToString()), ASKED)


def test_the_descriptors_are_those_of_the_proto_files() -> None:
    assert descriptors.TARGET.read_bytes() == descriptors.made()


def test_the_messages_are_those_of_tritons_client() -> None:
    """Field for field, as far as the protocol itself goes: its bytes are read as we read them."""
    theirs = service_pb2.ModelInferRequest.FromString(message(raw=False, id="mine").SerializeToString())
    assert [tensor.name for tensor in theirs.inputs] == list(VALUES)
    assert messages.ModelInferRequest.FromString(theirs.SerializeToString()) == message(raw=False, id="mine")
    for name in ("ModelInferRequest", "ModelInferResponse", "ModelMetadataResponse", "ServerMetadataResponse"):
        theirs_too = {field.name: (field.number, field.type) for field in getattr(service_pb2, name).DESCRIPTOR.fields}
        ours = {field.name: (field.number, field.type) for field in getattr(messages, name).DESCRIPTOR.fields}
        assert ours == theirs_too


@pytest.mark.parametrize("raw", [False, True])
def test_both_forms_mean_the_same(raw: bool) -> None:
    sent = read(message(raw=raw, id="mine"))
    assert (sent.request_id, sent.count) == ("mine", 2)
    table = sent.table(SIGNATURE)
    assert table["number"].tobytes() == np.array([1.5, -0.0]).tobytes()
    assert table["integer"].tolist() == [3.0, -(2.0**53)]
    assert table["text"].tolist() == ["JFK", "é"]
    assert table["boolean"].tolist() == [1.0, 0.0]
    assert sent.keys("id") == ["UA1", ""]
    assert read(message(raw=raw)).request_id == "req-new"


@pytest.mark.parametrize("kind", sorted(set(infer.CONTENTS) - {"BOOL", "BYTES"}))
def test_every_typed_number_is_read(kind: str) -> None:
    made = messages.ModelInferRequest()
    getattr(made.inputs.add(name="number", datatype=kind, shape=[2, 1]).contents, infer.CONTENTS[kind]).extend([1, 100])
    assert read(made).columns["number"].tolist() == [1, 100]


def change(act: Callable[[Any], object], *, raw: bool = False) -> Any:
    made = message(raw=raw)
    act(made)
    return made


BAD: list[tuple[Any, str]] = [
    (messages.ModelInferRequest(model_name="delay"), "inputs"),
    (change(lambda made: setattr(made, "id", "a\n")), "id"),
    (change(lambda made: setattr(made.inputs[0], "name", "")), "inputs[0].name"),
    (change(lambda made: setattr(made.inputs[4], "name", "number")), "inputs[4].datatype"),
    (change(lambda made: made.inputs.add().CopyFrom(made.inputs[0])), "inputs[5].name"),
    (change(lambda made: setattr(made.inputs[0], "datatype", "FP8")), "inputs[0].datatype"),
    (change(lambda made: setattr(made.inputs[0], "datatype", "BYTES")), "inputs[0].datatype"),
    (change(lambda made: made.inputs[0].shape.append(2)), "inputs[0].shape"),
    (change(lambda made: made.inputs[1].shape.__setitem__(0, 3)), "inputs[1].shape"),
    (change(lambda made: [tensor.shape.__setitem__(0, -1) for tensor in made.inputs]), "inputs[0].shape"),
    (change(lambda made: [tensor.shape.__setitem__(0, 2**40) for tensor in made.inputs]), "inputs[0].shape"),
    (
        change(lambda made: [tensor.shape.__setitem__(0, 3) for tensor in made.inputs]),
        "inputs[0].contents.fp64_contents",
    ),
    (change(lambda made: setattr(made.inputs[0], "datatype", "FP16")), "inputs[0].contents"),
    (change(lambda made: setattr(made.inputs[0], "datatype", "FP32")), "inputs[0].contents"),
    (change(lambda made: made.inputs[0].contents.fp32_contents.append(1)), "inputs[0].contents"),
    (change(lambda made: made.inputs[0].contents.fp64_contents.append(1)), "inputs[0].contents.fp64_contents"),
    (change(lambda made: made.inputs[0].ClearField("contents")), "inputs[0].contents.fp64_contents"),
    (change(lambda made: made.inputs[0].contents.fp64_contents.__setitem__(0, float("inf"))), "number"),
    (change(lambda made: made.inputs[1].contents.int64_contents.__setitem__(0, 2**60)), "integer"),
    (
        change(lambda made: made.inputs[2].contents.bytes_contents.__setitem__(0, b"\xff")),
        "inputs[2].contents.bytes_contents",
    ),
    (change(lambda made: made.inputs[2].contents.bytes_contents.__setitem__(0, b"\0")), "text"),
    (
        change(lambda made: made.inputs[0].parameters["shared_memory_region"]),
        "inputs[0].parameters.shared_memory_region",
    ),
    (change(lambda made: made.outputs.add(name="scores")), "outputs[0].name"),
    (
        change(lambda made: made.outputs.add(name="score").parameters["classification"]),
        "outputs[0].parameters.classification",
    ),
    (change(lambda made: made.raw_input_contents.pop(), raw=True), "raw_input_contents"),
    (change(lambda made: made.raw_input_contents.__setitem__(0, b"1"), raw=True), "raw_input_contents[0]"),
    (change(lambda made: made.raw_input_contents.__setitem__(2, b"12345678"), raw=True), "raw_input_contents[2]"),
    (change(lambda made: made.raw_input_contents.__setitem__(3, b"\1\2"), raw=True), "raw_input_contents[3]"),
    (change(lambda made: made.inputs[0].contents.fp64_contents.append(1), raw=True), "inputs[0].contents"),
    (change(lambda made: made.inputs.pop(0)), "number"),
]


@pytest.mark.parametrize(("sent", "field"), BAD, ids=range(len(BAD)))
def test_bad_messages_are_named_by_place(sent: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(sent).table(SIGNATURE)
    assert caught.value.field == field
    code, text, trailers = codes.of(caught.value)
    assert code.name == "INVALID_ARGUMENT"
    assert text.startswith(f"{field}: ")
    assert msgspec.json.decode(dict(trailers)[codes.TRAILER])["field"] == field


BODIES = [message(raw=raw, id="mine").SerializeToString() for raw in (False, True)]


@settings(max_examples=800, deadline=None)
@given(
    strategies.sampled_from(BODIES),
    strategies.lists(
        strategies.tuples(strategies.floats(0, 1, exclude_max=True), strategies.integers(0, 255)), max_size=5
    ),
    strategies.floats(0, 1),
)
def test_a_harmed_message_is_the_callers_mistake(body: bytes, changes: list[tuple[float, int]], cut: float) -> None:
    harmed = bytearray(body)
    for place, value in changes:
        harmed[int(place * len(body))] = value
    sent = bytes(harmed[: int(cut * len(body))]) if cut < 0.5 else bytes(harmed)
    try:
        rows = infer.Heads().read(infer.parse(messages.ModelInferRequest, sent), ASKED)
        rows.keys("id")
        assert {len(column) for column in rows.table(SIGNATURE).values()} == {rows.count}
    except Invalid as caught:
        named = caught.field
    else:
        named = "none"
    assert named


def parsed(data: bytes) -> Any:
    try:
        return messages.ModelInferRequest.FromString(data)
    except messages.Undecodable:
        return None


@settings(max_examples=800, deadline=None)
@given(
    strategies.sampled_from(
        [*BODIES, message(raw=True, model_version="1", id="mine").SerializeToString(), b"", BODIES[0] + BODIES[1]]
    ),
    strategies.lists(
        strategies.tuples(strategies.floats(0, 1, exclude_max=True), strategies.integers(0, 255)), max_size=3
    ),
    strategies.floats(0, 1),
)
def test_what_a_message_names_is_found_without_taking_it_apart(
    body: bytes, changes: list[tuple[float, int]], cut: float
) -> None:
    harmed = bytearray(body)
    for place, value in changes[: len(body)]:
        harmed[int(place * len(body))] = value
    sent = bytes(harmed[: int(cut * len(body))]) if cut < 0.5 else bytes(harmed)
    whole = parsed(sent)
    try:
        named = wire.named(sent)
    except Malformed:
        assert whole is None or 3 in {field.wire_type for field in UnknownFieldSet(whole)}  # a group, which none has
    else:
        assert whole is None or named == (whole.model_name, whole.model_version)


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",
        b"\x0a\x05ab",
        b"\x80" * 11,
        b"\xff",
        b"\x0b\x0c",
        b"\x09\x00",
        b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    ],
)
def test_bytes_that_are_no_message_name_nothing(data: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        wire.named(data)
    assert caught.value.field == "message"


def test_a_message_has_not_more_fields_than_any_model_takes() -> None:
    empty = b"\x2a\x00"
    assert wire.named(b"\x0a\x05delay" + empty * (wire.MOST_FIELDS - 1)) == ("delay", "")
    with pytest.raises(Invalid, match="more than 8192 fields"):
        wire.named(b"\x0a\x05delay" + empty * wire.MOST_FIELDS)
    wide = wire.most_fields(5000)
    assert wire.named(b"\x0a\x05delay" + empty * 2 * 5001, wide) == ("delay", "")
    with pytest.raises(Invalid, match="more than 20000 fields"):
        wire.named(b"\x0a\x05delay" + empty * wide, wide)
    assert wire.most_fields(20) == wire.MOST_FIELDS


SCORED = request.Scored(
    request_id="r", prediction_ids=["r/0", "r/1"], scores=[0.25, 0.75], decisions=[False, True], versions=[1, 1]
)


def test_the_answer_has_the_requests_form() -> None:
    typed = infer.write(msgspec.structs.replace(SCORED, wanted=outputs.Wanted()), "delay")
    assert [tensor.name for tensor in typed.outputs] == ["score", "decision", "prediction_id", "version"]
    assert list(typed.outputs[0].contents.fp64_contents) == [0.25, 0.75]
    assert list(typed.outputs[2].contents.bytes_contents) == [b"r/0", b"r/1"]
    assert (typed.model_version, typed.id, list(typed.raw_output_contents)) == ("1", "r", [])
    raw = infer.write(msgspec.structs.replace(SCORED, wanted=outputs.Wanted((("score", True),), binary=True)), "delay")
    assert list(raw.raw_output_contents) == [struct.pack("<2d", 0.25, 0.75)]
    assert not raw.outputs[0].HasField("contents")
    undecided = msgspec.structs.replace(SCORED, decisions=[None, True], wanted=outputs.Wanted())
    assert "decision" not in [tensor.name for tensor in infer.write(undecided, "delay").outputs]


def test_each_kind_of_error_has_its_status() -> None:
    kinds = (Invalid, errors.NotFound, errors.Conflict, errors.Refused, errors.Unavailable)
    names = [codes.of(kind("No."))[0].name for kind in kinds]
    code, message, ((_, told),) = codes.of(admission.Crowded())
    assert (code.name, message) == ("RESOURCE_EXHAUSTED", f"{json.loads(told)['detail']} {json.loads(told)['fix']}")
    assert json.loads(told)["status"] == 429
    assert names == ["INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "PERMISSION_DENIED", "UNAVAILABLE"]
    assert problem.status_of(Invalid("No.")) == 422


def test_what_a_message_says_beside_its_values_is_checked_once_and_values_always() -> None:
    heads = infer.Heads()

    def again(sent: Any, asked: codec.Asked = ASKED) -> request.Rows:
        return heads.read(infer.parse(messages.ModelInferRequest, sent.SerializeToString()), asked)

    first, second = again(message(raw=True, id="one")), again(message(raw=True, id="two"))
    assert (first.request_id, second.request_id) == ("one", "two")
    assert again(message(raw=True)).request_id == "req-new"
    assert again(message(raw=True, id="one")).table(SIGNATURE)["integer"].tolist() == [3.0, -(2.0**53)]
    other = message(raw=True)
    other.raw_input_contents[1] = struct.pack("<2q", 7, 8)
    assert again(other).table(SIGNATURE)["integer"].tolist() == [7.0, 8.0]
    short = message(raw=True)
    short.raw_input_contents[1] = b"1234"
    with pytest.raises(Invalid, match="not as many as the shape") as caught:
        again(short)
    assert caught.value.field == "raw_input_contents[1]"
    missing = message(raw=True)
    del missing.raw_input_contents[-1]
    with pytest.raises(Invalid, match="one entry for each input"):
        again(missing)
    with pytest.raises(Invalid, match="request id"):
        again(message(raw=True, id="\n"))
    text = Signature(features=(Field(name="number", type=FieldType.TEXT),), task=Task.BINARY, key="id", target="y")
    with pytest.raises(Invalid, match="datatype does not fit"):
        again(message(raw=True), codec.Asked("delay", text, {}, lambda prefix: prefix))
