"""What an ONNX file says: its nodes, constants and metadata, read without the packages that write or run such files.

Source: onnx.proto of ONNX (IR version 10), and the encoding of Protocol Buffers.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
"""Wire types. The runtime passes over a field of another one than it has."""
_FLOAT, _INT, _TEXT, _TENSOR, _FLOATS, _INTS, _TEXTS = 1, 2, 3, 4, 6, 7, 8
_STRING = 8
_DTYPES: dict[int, npt.DTypeLike] = {1: np.float32, 2: np.uint8, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}
_PLAIN: dict[int, tuple[int, int, npt.DTypeLike]] = {1: (4, FOUR, np.float32), 11: (10, EIGHT, np.float64)}
_LONGEST = 10
"""Bytes of a varint."""
_KEYS = 1 << 32
Piece = tuple[int, int, int | bytes]
"""A field's number, its wire type, and what stands there."""
Array = npt.NDArray[Any]
_Said = tuple[int, int | bytes]
"""A piece without its field's number."""


class Unreadable(Exception):
    """This is no ONNX file, or it holds constants of a kind that is not read here."""


class Node(NamedTuple):
    """An operator, the names of what it takes and gives, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


class File(NamedTuple):
    """A model."""

    nodes: list[Node]
    constants: dict[str, Array]
    """By name; texts are `object` arrays of `str`."""
    metadata: dict[str, str]


def read(data: bytes) -> File:
    """The model in a file's bytes. Raises `Unreadable`."""
    try:
        graph: list[bytes] = []
        metadata = {}
        for field, kind, said in pieces(data):
            if field == 7:
                graph.append(_whole(kind, said))
            elif field == 14:
                entry = _fields(_whole(kind, said))
                metadata[_text(entry, 1)] = _text(entry, 2)
        (only,) = graph
        nodes, constants = [], {}
        for field, kind, said in pieces(only):
            if field == 1:
                nodes.append(_node(_whole(kind, said)))
            elif field == 5:
                fields = _fields(_whole(kind, said))
                constants[_text(fields, 8)] = _tensor(fields)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as problem:
        raise Unreadable from problem
    return File(nodes, constants, metadata)


def pieces(data: bytes) -> Iterator[Piece]:
    """What stands in a message, in order; `ValueError` or `IndexError` where it is none."""
    at = 0
    while at < len(data):
        key, at = _key(data, at)
        kind = key & 7
        if kind == VARINT:
            said: int | bytes
            said, at = _varint(data, at)
        else:
            size = 8 if kind == EIGHT else 4
            if kind == BYTES:
                size, at = _varint(data, at)
            elif kind not in (EIGHT, FOUR):
                raise ValueError(kind)
            if at + size > len(data):
                raise ValueError(size)
            said = data[at : at + size]
            at += size
        yield key >> 3, kind, said


def _key(data: bytes, at: int) -> tuple[int, int]:
    """A field's number and wire type, in as few bytes as they need: others the runtime reads as another field's."""
    key, at = _varint(data, at)
    if not 8 <= key < _KEYS or data[at - 1] == 0:
        raise ValueError(key)
    return key, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while shift < 7 * _LONGEST:
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, at
        shift += 7
    raise ValueError(shift)


def _fields(data: bytes) -> dict[int, list[_Said]]:
    found: dict[int, list[_Said]] = {}
    for field, kind, said in pieces(data):
        found.setdefault(field, []).append((kind, said))
    return found


def _whole(kind: int, said: int | bytes) -> bytes:
    """A text or a message; else `TypeError`."""
    return _plain(kind, said, BYTES)


def _plain(kind: int, said: int | bytes, *wanted: int) -> bytes:
    if isinstance(said, int) or kind not in wanted:
        raise TypeError(kind)
    return said


def _number(kind: int, said: int | bytes) -> int:
    if isinstance(said, bytes):
        raise TypeError(kind)
    return said


def _text(fields: dict[int, list[_Said]], field: int) -> str:
    given = fields.get(field)
    return _whole(*given[-1]).decode() if given else ""


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _node(data: bytes) -> Node:
    fields = _fields(data)
    names = {field: tuple(_whole(*said).decode() for said in fields.get(field, ())) for field in (1, 2)}
    attributes = dict(_attribute(_whole(*said)) for said in fields.get(5, ()))
    return Node(_text(fields, 4), names[1], names[2], attributes)


def _attribute(data: bytes) -> tuple[str, Any]:
    """Its name and value. A long list of integers is read by arrays: ensembles have millions."""
    head, ints = _split(data)
    fields = _fields(head)
    name, kind = _text(fields, 1), _number(*fields[20][-1])
    if kind == _INT:
        return name, _signed(_number(*fields[3][-1]))
    if kind == _TEXT:
        return name, _whole(*fields[4][-1]).decode()
    if kind == _TENSOR:
        return name, _tensor(_fields(_whole(*fields[5][-1])))
    if kind == _INTS:
        return name, ints
    if kind == _TEXTS:
        return name, [_whole(*said).decode() for said in fields.get(9, ())]
    if kind == _FLOAT:
        return name, float(np.frombuffer(_plain(*fields[2][-1], FOUR), dtype="<f4")[0])
    if kind == _FLOATS:
        parts = b"".join(_plain(*said, BYTES, FOUR) for said in fields.get(7, ()))
        return name, np.frombuffer(parts, dtype="<f4")
    raise ValueError(kind)


def _split(data: bytes) -> tuple[bytes, npt.NDArray[np.int64]]:
    """An attribute without its integers, and these: one after the other, or packed into one piece."""
    key = 8 << 3
    at, rest, ints = 0, bytearray(), []
    while at < len(data):
        begin = at
        found, at = _key(data, at)
        if found == key:
            end = _run(data, begin)
            ints.append(_varints(data[begin:end], every=2))
            at = end
        elif found == key | BYTES:
            size, at = _varint(data, at)
            ints.append(_varints(data[at : at + size], every=1))
            at += size
        else:
            at = _after(data, at, found & 7)
            rest += data[begin:at]
    return bytes(rest), np.concatenate(ints) if ints else np.empty(0, dtype=np.int64)


def _run(data: bytes, begin: int) -> int:
    """Where a run of integers with their keys ends."""
    tail = np.frombuffer(data, dtype=np.uint8, offset=begin)
    ends = np.flatnonzero(tail < 0x80)  # of keys and integers in turn
    keys = tail[np.concatenate(([0], ends[1:-1:2] + 1))]
    other = np.flatnonzero(keys != 8 << 3)
    pairs = int(other[0]) if len(other) else len(keys)
    return begin + int(ends[2 * pairs - 1]) + 1


def _varints(data: bytes, every: int) -> npt.NDArray[np.int64]:
    """The last of each `every` varints that stand one after the other."""
    raw = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(raw < 0x80)
    begins = np.concatenate(([0], ends[:-1] + 1))
    if len(ends) % every or (len(raw) and (not len(ends) or ends[-1] != len(raw) - 1)):
        raise ValueError(len(ends))
    begins, ends = begins[every - 1 :: every], ends[every - 1 :: every]
    sizes = ends - begins + 1
    if len(sizes) and sizes.max() > _LONGEST:
        raise ValueError(int(sizes.max()))
    found = np.zeros(len(begins), dtype=np.uint64)
    for place in range(int(sizes.max()) if len(sizes) else 0):
        there = sizes > place
        found[there] |= (raw[begins[there] + place].astype(np.uint64) & np.uint64(0x7F)) << np.uint64(7 * place)
    return found.view(np.int64)


def _after(data: bytes, at: int, kind: int) -> int:
    if kind == VARINT:
        return _varint(data, at)[1]
    if kind == BYTES:
        size, at = _varint(data, at)
        return at + size
    return at + {EIGHT: 8, FOUR: 4}[kind]


def _tensor(fields: dict[int, list[_Said]]) -> Array:
    """A constant, in its shape."""
    shape = _integers(fields.get(1, []))
    kind = _number(*fields[2][-1])
    if kind == _STRING:
        texts = np.empty(len(fields.get(6, [])), dtype=object)
        texts[:] = [_whole(*said).decode() for said in fields.get(6, [])]
        return texts.reshape(shape)
    dtype = np.dtype(_DTYPES[kind])
    if 9 in fields:
        return np.frombuffer(_whole(*fields[9][-1]), dtype=dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    if kind in _PLAIN:
        field, alone, plain = _PLAIN[kind]
        parts = b"".join(_plain(*said, BYTES, alone) for said in fields.get(field, []))
        return np.frombuffer(parts, dtype=plain).reshape(shape)
    return np.array(_integers(fields.get(7 if kind == 7 else 5, [])), dtype=np.int64).astype(dtype).reshape(shape)


def _integers(given: list[_Said]) -> list[int]:
    found: list[int] = []
    for kind, said in given:
        if isinstance(said, int):
            found.append(_signed(said))
        else:
            found += _varints(_whole(kind, said), every=1).tolist()
    return found
