"""What goes between a scorer and a model's process: frames on two pipes, the same for every language.

A frame is a big-endian 32-bit length and that many bytes; the first of them is its kind:

- to the process, `P`: call number u32, rows u32, then each feature in the signature's order: a number, integer or
  boolean as rows × float64 (null is NaN, a boolean 0 or 1); a text as rows × i32 byte lengths (−1: null), then all
  bytes in UTF-8. Everything in it is little-endian.
- from the process, `I`: what is enforced on it, in JSON (the launcher says so, first); `R`: the model is loaded;
  `S`: call number u32, rows u32, rows × float64 (of several classes row by row one for each); `E`: call number u32,
  then UTF-8 text: what failed; `M`: the same, for want of memory.

Arrow would need a package in every environment and in R; this needs none.
"""

import struct

import numpy as np
import numpy.typing as npt

from podium.bundle import columns
from podium.core.signature import FieldType, Signature

LENGTH = struct.Struct(">I")
CALL = struct.Struct("<II")
NUMBER = struct.Struct("<I")
LARGEST_TEXT = 16 * 1024
"""Bytes of what a process may say in words."""


def question(number: int, signature: Signature, table: columns.Columns) -> bytes:
    """The frame that asks for the scores of canonical columns."""
    parts = [b"P", CALL.pack(number, columns.count(table))]
    for field in signature.features:
        column = table[field.name]
        if field.type is FieldType.TEXT:
            texts = [None if value == columns.NULL_TEXT else value.encode() for value in column.tolist()]
            lengths = [-1 if text is None else len(text) for text in texts]
            parts.append(np.array(lengths, dtype="<i4").tobytes())
            parts += [text for text in texts if text]
        else:
            parts.append(column.astype("<f8", copy=False).tobytes())
    body = b"".join(parts)
    return LENGTH.pack(len(body)) + body


def largest_answer(rows: int) -> int:
    """Bytes that an answer of so many numbers may have."""
    return max(1 + CALL.size + 8 * rows, LARGEST_TEXT)


def scores(body: bytes, number: int, rows: int, classes: int = 0) -> npt.NDArray[np.float64] | None:
    """The scores [rows], of several classes [rows, classes], in an `S` frame's body; None when it is not the answer to
    that call."""
    if len(body) != 1 + CALL.size + 8 * rows * max(1, classes) or CALL.unpack_from(body, 1) != (number, rows):
        return None
    found = np.frombuffer(body, dtype="<f8", offset=1 + CALL.size).astype(np.float64)
    return found.reshape(rows, classes) if classes else found


def failure(body: bytes, number: int) -> str | None:
    """The words in an `E` or `M` frame's body; None when it is not the answer to that call."""
    if len(body) < 1 + NUMBER.size or NUMBER.unpack_from(body, 1) != (number,):
        return None
    return body[1 + NUMBER.size :].decode(errors="replace")
