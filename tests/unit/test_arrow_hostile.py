"""Arrow streams that no library writes: what nobody validates, and texts that are referred to again and again."""

import struct
import subprocess
import sys
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
import pyarrow as pa
import pytest

from podium.bundle import columns
from podium.core.errors import Invalid
from podium.core.signature import Field, FieldType, Signature, Task
from podium.scoring import codec, request
from podium.scoring.protocols import arrow, ipc_frames, outputs
from podium.scoring.protocols.json_body import Malformed

SIGNATURE = Signature(
    features=(Field(name="text", type=FieldType.TEXT), Field(name="number", type=FieldType.NUMBER)),
    task=Task.BINARY,
    key="id",
    target="late",
)
ASKED = codec.Asked("delay", SIGNATURE, {}, lambda prefix: f"{prefix}-1")
LONG = "much longer than the twelve bytes that a view holds itself"
_END = b"\xff\xff\xff\xff\0\0\0\0"


def stream(text: pa.Array, numbers: int = 2) -> bytes:
    batch = pa.RecordBatch.from_arrays([text, pa.array(np.arange(float(numbers)))], names=["text", "number"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as made:
        made.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def views(*each: bytes, valid: bytes | None = None, nulls: int = 0, texts: tuple[bytes, ...] = ()) -> pa.Array:
    buffers = [None if valid is None else pa.py_buffer(valid), pa.py_buffer(b"".join(each)), *map(pa.py_buffer, texts)]
    return pa.Array.from_buffers(pa.string_view(), len(each), buffers, null_count=nulls)


def read(body: bytes) -> list[Any]:
    rows: request.Rows = arrow.read(body, ASKED)
    return [None if text == columns.NULL_TEXT else text for text in rows.table(SIGNATURE)["text"]]


INSIDE = struct.pack("<i12s", 1, b"a")


@pytest.mark.parametrize(("length", "buffer", "offset"), [(-(2**31), 0, 2**30), (2**31 - 1, 7, -1), (40, 0, 0)])
def test_views_of_null_rows_lead_nowhere(length: int, buffer: int, offset: int) -> None:
    """The library validates those of other rows alone, and its cast follows them all: in a process of its own."""
    nowhere = struct.pack("<i4sii", length, b"much", buffer, offset)
    body = stream(views(INSIDE, nowhere, valid=b"\x01", nulls=1))
    code = f"from tests.unit.test_arrow_hostile import read; assert read({body!r}) == ['a', None]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_views_of_null_rows_do_not_pay_for_those_of_others() -> None:
    """2,000 views of 1 MiB in a body of 1 MiB, and two nulls whose lengths would make the sum negative."""
    text = b"x" * 2**20
    long = struct.pack("<i4sii", 2**20, b"xxxx", 0, 0)
    null = struct.pack("<i4sii", -(2**30), b"xxxx", 0, 0)
    rows = [long] * 2000 + [null] * 2
    valid = np.packbits([row is long for row in rows], bitorder="little").tobytes()
    with pytest.raises(Invalid, match="too long when spelled out"):
        read(stream(views(*rows, valid=valid, nulls=2, texts=(text,)), len(rows)))


def test_good_views_are_read_beside_nulls() -> None:
    texts = ["short", None, LONG, None, LONG + "er"]
    assert read(stream(pa.array(texts, pa.string_view()), 5)) == texts


def test_a_buffer_of_views_may_be_longer_than_they_are() -> None:
    body = stream(views(INSIDE, INSIDE))
    length = struct.pack("<q", 32)
    place = body.index(length)  # of the list of buffers, before what lies in them
    assert read(body[:place] + struct.pack("<q", 33) + body[place + 8 :]) == ["a", "a"]


def schema(*, pairs: int = 0, fields: int = 1, size: int = 1, zones: bool = False) -> bytes:
    """A schema's message, in which one pair of metadata and one field are referred to so often, with texts so long."""
    made = flatbuffers.Builder(1024)
    pair = _vector(made, [_pair(made, size)] * pairs) if pairs else 0
    name = made.CreateString("number" if zones else "n" * size)
    zone = made.CreateString("z" * size)
    made.StartObject(2)
    made.PrependInt16Slot(0, 2, 0)
    if zones:
        made.PrependUOffsetTRelativeSlot(1, zone, 0)
    kind = made.EndObject()
    made.StartObject(7)
    made.PrependUOffsetTRelativeSlot(0, name, 0)
    made.PrependUint8Slot(2, 10 if zones else 3, 0)
    made.PrependUOffsetTRelativeSlot(3, kind, 0)
    columns = _vector(made, [made.EndObject()] * fields)
    made.StartObject(4)
    made.PrependUOffsetTRelativeSlot(1, columns, 0)
    if pair:
        made.PrependUOffsetTRelativeSlot(2, pair, 0)
    return _message(made, 1, made.EndObject(), 0)


def batch(pairs: int, size: int) -> bytes:
    """A record batch's message, of no rows, with such metadata."""
    made = flatbuffers.Builder(1024)
    pair = _vector(made, [_pair(made, size)] * pairs)
    nodes = _vector(made, [])
    made.StartObject(3)
    made.PrependUOffsetTRelativeSlot(1, nodes, 0)
    made.PrependUOffsetTRelativeSlot(2, nodes, 0)
    return _message(made, 3, made.EndObject(), pair)


def _pair(made: Any, size: int) -> int:
    key, value = made.CreateString("k"), made.CreateString("v" * size)
    made.StartObject(2)
    made.PrependUOffsetTRelativeSlot(0, key, 0)
    made.PrependUOffsetTRelativeSlot(1, value, 0)
    return int(made.EndObject())


def _vector(made: Any, tables: list[int]) -> int:
    made.StartVector(4, len(tables), 4)
    for table in tables:
        made.PrependUOffsetTRelative(table)
    return int(made.EndVector())


def _message(made: Any, kind: int, header: int, pairs: int) -> bytes:
    made.StartObject(5)
    made.PrependInt16Slot(0, 4, 0)
    made.PrependUint8Slot(1, kind, 0)
    made.PrependUOffsetTRelativeSlot(2, header, 0)
    if pairs:
        made.PrependUOffsetTRelativeSlot(4, pairs, 0)
    made.Finish(made.EndObject())
    data = bytes(made.Output())
    data += bytes(-len(data) % 8)
    return b"\xff\xff\xff\xff" + struct.pack("<I", len(data)) + data


BOMBS = {
    "metadata of the schema": schema(pairs=8000, size=50_000),
    "one field": schema(fields=8000, size=50_000),
    "one field of no size": schema(fields=30_000),
    "a time zone": schema(fields=8000, size=50_000, zones=True),
    "metadata of a batch": pa.schema([("number", pa.float64())]).serialize().to_pybytes() + batch(20_000, 50_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_texts_count_as_often_as_they_are_referred_to(name: str) -> None:
    with pytest.raises(Malformed):
        read(BOMBS[name] + _END)


def test_what_libraries_write_is_far_below() -> None:
    many = pa.schema([(str(at), pa.bool_()) for at in range(2000)])
    deep = pa.schema([pa.field("a", pa.struct([("b", pa.list_(pa.timestamp("us", "Europe/Berlin")))]))])
    told = pa.schema([pa.field("a", pa.int8(), metadata={"k": "v"})], metadata={str(at): "" for at in range(2000)})
    for each in (many, deep, told, pa.schema([])):
        message = each.serialize().to_pybytes()
        assert ipc_frames.head(message) == len(message)


def test_no_more_outputs_are_asked_for_than_a_model_may_have() -> None:
    names = [f"probability.{at}" for at in range(60_000)]
    with pytest.raises(Invalid, match="More outputs") as caught:
        outputs.wanted({"outputs": [{"name": name} for name in names]})
    assert caught.value.field == "outputs"
    assert outputs.check(["score", "version"], [True, False]) == (("score", True), ("version", False))
    with pytest.raises(Invalid, match="asked for twice"):
        outputs.check(["score", "version", "score"], [True] * 3)
