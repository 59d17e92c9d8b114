"""What binary tensors and Arrow streams may not say, and the name of the part that is wrong."""

import json
import struct
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring import codec, codecs, request
from podium.scoring.protocols import arrow, binary, problem, tensors

SIGNATURE = Signature(
    features=(Field(name="distance", type=FieldType.NUMBER), Field(name="origin", type=FieldType.TEXT)),
    task=Task.BINARY,
    key="flight",
    target="late",
)
DISTANCES = struct.pack("<2d", 100.0, 1900.5)
ORIGINS = b"\x03\x00\x00\x00JFK\x02\x00\x00\x00L\xc3"[:-2] + b"LG"


def asked(**headers: str) -> codec.Asked:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return codec.Asked("delay", SIGNATURE, given, lambda prefix: f"{prefix}-new")


def tensor(name: str = "distance", size: Any = 16, **changes: Any) -> dict[str, Any]:
    kind = "BYTES" if name == "origin" else "FP64"
    return {"name": name, "datatype": kind, "shape": [2], "parameters": {"binary_data_size": size}} | changes


ORIGIN = tensor("origin", 13)


def read(inputs: list[Any], data: bytes, **more: Any) -> request.Rows:
    header = json.dumps({"inputs": inputs, **more}).encode()
    return binary.read(header + data, asked(inference_header_content_length=str(len(header))))


def test_binary_and_json_tensors_stand_together() -> None:
    hour = {"name": "flight", "datatype": "INT64", "shape": [2], "data": [7, 8]}
    sent = read([tensor(), hour, ORIGIN], DISTANCES + ORIGINS)
    table = sent.table(SIGNATURE)
    assert table["distance"].tolist() == [100.0, 1900.5]
    assert table["origin"].tolist() == ["JFK", "LG"]
    assert sent.keys("flight") == ["7", "8"]
    assert sent.request_id == "req-new"


def test_numbers_are_views_of_the_body() -> None:
    sent = read([tensor(), ORIGIN], DISTANCES + ORIGINS)
    assert not sent.columns["distance"].flags.owndata


@pytest.mark.parametrize(
    ("kind", "values"),
    [(kind, [0, 1, 100]) for kind in tensors.DTYPES if kind != "BOOL"] + [("BOOL", [False, True, True])],
)
def test_every_datatype_is_read(kind: str, values: list[Any]) -> None:
    boolean = Signature(
        features=(Field(name="x", type=FieldType.BOOLEAN if kind == "BOOL" else FieldType.NUMBER),),
        task=Task.BINARY,
        key="id",
        target="y",
    )
    data = np.array(values, dtype=tensors.DTYPES[kind]).tobytes()
    given = {"name": "x", "datatype": kind, "shape": [3, 1], "parameters": {"binary_data_size": len(data)}}
    header = json.dumps({"inputs": [given]}).encode()
    of = asked(inference_header_content_length=str(len(header)))._replace(signature=boolean)
    assert binary.read(header + data, of).table(boolean)["x"].tolist() == [float(value) for value in values]


@pytest.mark.parametrize(
    ("inputs", "data", "field"),
    [
        ([1], b"", "inputs[0]"),
        ([tensor(parameters=1)], DISTANCES, "inputs[0].parameters"),
        ([tensor(size=-1)], DISTANCES, "inputs[0].parameters.binary_data_size"),
        ([tensor(size=True)], DISTANCES, "inputs[0].parameters.binary_data_size"),
        ([tensor(size="16")], DISTANCES, "inputs[0].parameters.binary_data_size"),
        ([tensor(size=15)], DISTANCES, "inputs[0].parameters.binary_data_size"),
        ([tensor(size=24)], DISTANCES, "inputs[0].parameters.binary_data_size"),
        ([tensor(size=2**62)], DISTANCES, "inputs[0].parameters.binary_data_size"),
        ([tensor(shape=[3])], DISTANCES, "inputs[0].parameters.binary_data_size"),
        ([tensor(shape=[2**62])], DISTANCES, "inputs[0].shape"),
        ([tensor(shape=[200_000], size=1_600_000)], bytes(1_600_000), "inputs[0].shape"),
        ([tensor(shape=[-2])], DISTANCES, "inputs[0].shape"),
        ([tensor(shape=[1, 2])], DISTANCES, "inputs[0].shape"),
        ([tensor(shape=[2, True])], DISTANCES, "inputs[0].shape"),
        ([tensor(shape=[])], DISTANCES, "inputs[0].shape"),
        ([tensor(shape=2)], DISTANCES, "inputs[0].shape"),
        ([tensor(data=[1, 2])], DISTANCES, "inputs[0].data"),
        ([tensor(datatype="BF16")], DISTANCES, "inputs[0].datatype"),
        ([tensor(datatype="BYTES")], DISTANCES, "inputs[0].datatype"),
        ([tensor(name="")], DISTANCES, "inputs[0].name"),
        ([tensor(), tensor()], DISTANCES * 2, "inputs[1].name"),
        ([tensor(), tensor("origin", 4, shape=[1])], DISTANCES + bytes(4), "inputs[1].shape"),
        ([tensor()], DISTANCES + b"x", "body"),
        ([tensor(parameters={"shared_memory_region": "a"})], b"", "inputs[0].parameters.shared_memory_region"),
        ([tensor(), ORIGIN], DISTANCES + b"\x03\x00\x00\x00JFK\x03\x00\x00\x00LG", "inputs[1]"),
        ([tensor(), ORIGIN], DISTANCES + b"\x03\x00\x00\x00JFK\x01\x00\x00\x00LG", "inputs[1]"),
        ([tensor(), ORIGIN], DISTANCES + b"\x03\x00\x00\x00JFK\x02\x00\x00\xffLG", "inputs[1]"),
        ([tensor(), ORIGIN], DISTANCES + b"\x03\x00\x00\x00JF\xff\x02\x00\x00\x00LG", "inputs[1]"),
        ([tensor(), tensor("origin", 7)], DISTANCES + bytes(7), "inputs[1].parameters.binary_data_size"),
        ([tensor("flag", 2, datatype="BOOL")], b"\x01\x02", "inputs[0]"),
    ],
)
def test_bad_binary_tensors_are_named_by_place(inputs: list[Any], data: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(inputs, data)
    assert caught.value.field == field
    assert problem.status_of(caught.value) in (400, 422)


@pytest.mark.parametrize("length", ["", "0", "-1", "+4", "4 ", "1e1", "9" * 30, "10000", "٣"])
def test_the_length_of_the_json_is_a_number_within_the_body(length: str) -> None:
    with pytest.raises(Invalid) as caught:
        binary.read(b'{"inputs":[]}', asked(inference_header_content_length=length))
    assert caught.value.field == "Inference-Header-Content-Length"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"parameters": {"binary_data_output": 1}}, "parameters.binary_data_output"),
        ({"outputs": 1}, "outputs"),
        ({"outputs": [1]}, "outputs[0]"),
        ({"outputs": [{"name": "scores"}]}, "outputs[0].name"),
        ({"outputs": [{"name": "score"}, {"name": "score"}]}, "outputs[1].name"),
        ({"outputs": [{"name": "score", "parameters": 1}]}, "outputs[0].parameters"),
        ({"outputs": [{"name": "score", "parameters": {"binary_data": "yes"}}]}, "outputs[0].parameters.binary_data"),
        (
            {"outputs": [{"name": "score", "parameters": {"classification": 2}}]},
            "outputs[0].parameters.classification",
        ),
    ],
)
def test_outputs_that_there_are_not(more: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read([tensor(), ORIGIN], DISTANCES + ORIGINS, **more)
    assert caught.value.field == field


SCORED = request.Scored(
    request_id="r", prediction_ids=["r/0", "r/1"], scores=[0.25, 0.75], decisions=[False, True], versions=[1, 1]
)


def answer(decisions: list[bool | None] | None = None, **more: Any) -> tuple[dict[str, Any], bytes]:
    """The JSON of an answer, and the bytes behind it."""
    wanted = read([tensor(), ORIGIN], DISTANCES + ORIGINS, **more).wanted
    scored = msgspec.structs.replace(SCORED, wanted=wanted, decisions=decisions or SCORED.decisions)
    written = binary.write(scored, asked())
    headers = dict(written.headers)
    size = int(headers.get(binary.HEADER, len(written.body)))
    assert written.media == (binary.MEDIA if headers else "application/json")
    return json.loads(written.body[:size]), written.body[size:]


def test_the_answer_comes_in_the_form_asked_for() -> None:
    header, data = answer()
    assert [each["name"] for each in header["outputs"]] == ["score", "decision", "prediction_id", "version"]
    assert data == b""
    header, data = answer(parameters={"binary_data_output": True})
    assert [each["parameters"]["binary_data_size"] for each in header["outputs"]] == [16, 2, 14, 16]
    assert data == struct.pack("<2d", 0.25, 0.75) + b"\0\1" + (b"\3\0\0\0r/0" + b"\3\0\0\0r/1") + struct.pack(
        "<2q", 1, 1
    )
    assert header["model_version"] == "1"
    header, data = answer(outputs=[{"name": "version"}, {"name": "score", "parameters": {"binary_data": True}}])
    assert [each["name"] for each in header["outputs"]] == ["version", "score"]
    assert header["outputs"][0]["data"] == [1, 1]
    assert data == struct.pack("<2d", 0.25, 0.75)


def test_a_decision_that_is_null_goes_in_json() -> None:
    header, _ = answer(decisions=[None, True], parameters={"binary_data_output": True})
    assert header["outputs"][1]["data"] == [None, True]
    header, _ = answer(decisions=[None, None], parameters={"binary_data_output": True})
    assert [each["name"] for each in header["outputs"]] == ["score", "prediction_id", "version"]


def stream(columns: dict[str, pa.Array], *, times: int = 1, **options: Any) -> bytes:
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for _ in range(times):
            writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def words(*values: str) -> pa.Array:
    return pa.array(values, pa.string())


GOOD = {"distance": pa.array([1.5, 2.5]), "origin": words("JFK", "LGA")}
LONG = "x" * 1_000_000


BAD_STREAMS = [
    (b"", "body"),
    (stream(GOOD)[:300], "body"),
    (stream(GOOD, times=0), "body"),
    (stream({"distance": pa.array([1.5])}), "origin"),
    (stream({"other": pa.array([1.5])}), "body"),
    (stream(GOOD | {"origin": pa.array([1, 2])}), "origin"),
    (stream(GOOD | {"distance": words("1", "2")}), "distance"),
    (stream(GOOD | {"distance": pa.array([[1.0], [2.0]])}), "distance"),
    (stream(GOOD | {"distance": pa.array([1.5, float("inf")])}), "distance"),
    (stream(GOOD | {"origin": words("a", "\x1a")}), "origin"),
    (stream(GOOD | {"origin": pa.array([b"a", b"b"], pa.binary_view())}), "origin"),
    (stream(GOOD | {"distance": pa.array(["1", "2"], pa.string_view())}), "distance"),
    (stream(GOOD | {"origin": pa.array(["a", "\x1a"], pa.string_view())}), "origin"),
    (stream(GOOD) + b"\0", "body"),
    (stream(GOOD) + stream(GOOD), "body"),
    (stream(GOOD, times=1025), "body"),
    (stream(GOOD | {"origin": pa.array([b"a", b"b"])}), "origin"),
    (stream(GOOD | {"flight": words("a", "b" * 600)}), "flight"),
    (stream(GOOD | {"flight": pa.array([1.5, 2.5])}), "flight"),
    (stream({name: array.take(pa.array([0] * 60_000)) for name, array in GOOD.items()}, times=2), "body"),
    (stream({name: pa.Array.from_buffers(pa.null(), 2**31 - 1, [None]) for name in GOOD}), "body"),
    (
        stream(
            {
                "distance": pa.array(np.zeros(99_000)),
                "origin": words(LONG).dictionary_encode().take(pa.array([0] * 99_000)),
            }
        ),
        "body",
    ),
    (stream({"distance": pa.array([1.5] * 40), "origin": words(*[LONG] * 40)}, compression="zstd"), "body"),
]


@pytest.mark.parametrize(("body", "field"), BAD_STREAMS, ids=range(len(BAD_STREAMS)))
def test_bad_streams_are_named_by_column(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        arrow.read(body, asked()).keys("flight")
        arrow.read(body, asked()).table(SIGNATURE)
    assert caught.value.field == field


def test_a_compressed_buffer_may_not_claim_more_than_there_is_room_for() -> None:
    body = bytearray(stream({"distance": pa.array([1.5] * 4000), "origin": words(*["JFK"] * 4000)}, compression="lz4"))
    at = bytes(body).index(struct.pack("<q", 32_000))
    body[at : at + 8] = struct.pack("<q", 2**40)
    with pytest.raises(Invalid, match="unpack"):
        arrow.read(bytes(body), asked())


@pytest.mark.parametrize("values", [["JFK", None, "a word of more than twelve bytes"], []])
@pytest.mark.parametrize("times", [1, 3])
def test_views_of_texts_mean_the_same_as_texts(values: list[str | None], times: int) -> None:
    """Polars sends all of its texts so."""
    rows = {"distance": pa.array([1.5] * len(values)), "origin": pa.array(values, pa.string())}
    read = [
        arrow.read(
            stream(rows | {"flight": rows["origin"].cast(kind), "origin": rows["origin"].cast(kind)}, times=times),
            asked(),
        )
        for kind in (pa.string(), pa.string_view())
    ]
    plain, seen = ((each.count, each.keys("flight"), each.table(SIGNATURE)["origin"].tolist()) for each in read)
    assert plain == seen
    assert plain[0] == times * len(values)


def test_views_of_one_text_spell_out_to_no_more_than_any_may() -> None:
    count = 1000
    view = struct.pack("<i4sii", len(LONG), LONG[:4].encode(), 0, 0)
    aliases = pa.Array.from_buffers(
        pa.string_view(), count, [None, pa.py_buffer(view * count), pa.py_buffer(LONG.encode())]
    )
    assert aliases[count - 1].as_py() == LONG
    with pytest.raises(Invalid, match="spelled out"):
        arrow.read(stream({"distance": pa.array(np.zeros(count)), "origin": aliases}), asked())


def test_columns_that_are_no_feature_are_not_looked_at() -> None:
    more = {
        "when": pa.array([0, 1], pa.timestamp("us")),
        "nested": pa.array([[{"a": 1}], []]),
        "flight": words("a", "b"),
    }
    sent = arrow.read(stream(more | GOOD), asked())
    assert list(sent.columns) == ["flight", "distance", "origin"]
    assert sent.keys("flight") == ["a", "b"]


def test_a_column_comes_once() -> None:
    batch = pa.RecordBatch.from_arrays(
        [GOOD["distance"]] * 2 + [GOOD["origin"]], names=["distance", "distance", "origin"]
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(Invalid, match="twice"):
        arrow.read(sink.getvalue().to_pybytes(), asked())


def test_a_dictionary_is_not_added_to() -> None:
    sink = pa.BufferOutputStream()
    first = pa.array(["a"]).dictionary_encode()
    more = pa.DictionaryArray.from_arrays(pa.array([1], pa.int32()), words("a", "b"))
    schema = pa.schema([("origin", first.type)])
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)) as writer:
        for array in (first, more):
            writer.write_batch(pa.RecordBatch.from_arrays([array], schema=schema))
    with pytest.raises(Invalid, match="added"):
        arrow.read(sink.getvalue().to_pybytes(), asked())


def test_where_a_request_id_comes_from() -> None:
    def sent(metadata: dict[bytes, bytes], **headers: str) -> str:
        batch = pa.RecordBatch.from_arrays(
            list(GOOD.values()), schema=pa.schema({name: array.type for name, array in GOOD.items()}, metadata)
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return arrow.read(sink.getvalue().to_pybytes(), asked(**headers)).request_id

    stated = {arrow.REQUEST_ID.encode(): b"stated"}
    assert (sent({}), sent(stated), sent(stated, x_request_id="header")) == ("req-new", "stated", "header")
    for bad in (b"\xff", b"", b"a\n"):
        with pytest.raises(Invalid) as caught:
            sent({arrow.REQUEST_ID.encode(): bad})
        assert caught.value.field == arrow.REQUEST_ID


def test_the_answer_is_a_stream() -> None:
    scored = msgspec.structs.replace(SCORED, decisions=[None, True])
    table = pa.ipc.open_stream(arrow.write(scored, asked()).body).read_all()
    assert table.schema.metadata == {b"podium.request_id": b"r", b"podium.endpoint": b"delay"}
    assert table.to_pydict() == {
        "prediction_id": ["r/0", "r/1"],
        "score": [0.25, 0.75],
        "decision": [None, True],
        "version": [1, 1],
    }


@pytest.mark.parametrize(
    ("accept", "sent", "back"),
    [
        (None, arrow.MEDIA, arrow.MEDIA),
        ("*/*", arrow.MEDIA, arrow.MEDIA),
        ("application/json", arrow.MEDIA, "application/json"),
        (None, "application/json", "application/json"),
        ("*/*", "application/json", "application/json"),
        (f"text/html, {arrow.MEDIA};q=0.9", "application/json", arrow.MEDIA),
        (f"{arrow.MEDIA}; q=0, */*", "application/json", "application/json"),
    ],
)
@pytest.mark.parametrize("family", [codecs.OIP, codecs.MLFLOW])
def test_accept_decides_the_answers_form(family: str, accept: str | None, sent: str, back: str) -> None:
    headers = {"content-type": sent} | ({"accept": accept} if accept else {})
    chosen = codecs.choose(family, headers)
    assert chosen is not None
    assert chosen.write(SCORED, asked()._replace(headers=headers)).media == back
