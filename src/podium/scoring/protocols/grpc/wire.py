"""What a large message names, found in its bytes: to take it apart may cost forty times its size, so that waits.

https://protobuf.dev/programming-guides/encoding/
"""

from podium.core.errors import Invalid
from podium.scoring.protocols.json_body import Malformed

MOST_FIELDS = 8192
"""Fields of the outermost message, unless a model is wider than most: each tensor is one, and its raw values are one
more."""
_EACH = 4
"""Fields for each feature of a wide model: it may come with as many columns that the model does not know."""
_NAME, _VERSION = 1, 2
_VARINT, _EIGHT, _SIZED, _FOUR = 0, 1, 2, 5
_MORE = 0x80
_LONGEST = 10


def most_fields(features: int) -> int:
    """How many fields a message may have where the widest model has so many features."""
    return max(MOST_FIELDS, _EACH * features)


def named(data: bytes, most: int = MOST_FIELDS) -> tuple[str, str]:
    """Model and version that a `ModelInferRequest` names, as texts, without reading what its tensors hold.

    `Malformed` when the bytes are no message, `Invalid` when they are one of more fields than `most`.
    """
    found = {_NAME: b"", _VERSION: b""}
    at, fields = 0, 0
    while at < len(data):
        fields += 1
        if fields > most:
            raise Invalid(
                f"The message has more than {most} fields.",
                field="message",
                fix="Send one tensor for each feature.",
            )
        tag, at = _varint(data, at)
        number, form = tag >> 3, tag & 7
        if form == _VARINT:
            _, at = _varint(data, at)
        elif form == _SIZED:
            size, at = _varint(data, at)
            if number in found:
                found[number] = data[at : at + size]
            at += size
        elif form in (_EIGHT, _FOUR):
            at += 8 if form == _EIGHT else 4
        else:
            raise malformed()
    if at != len(data):
        raise malformed()
    name, version = (part.decode(errors="replace") for part in found.values())
    return name, version


def malformed() -> Malformed:
    """What is told of bytes that are not the message that was to come."""
    return Malformed(
        "The bytes are not the message that this method takes.",
        field="message",
        fix="Send the message of the Open Inference Protocol.",
    )


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    value = 0
    if at < len(data) and data[at] < _MORE:
        return data[at], at + 1
    for place, byte in enumerate(data[at : at + _LONGEST]):
        value |= (byte & 0x7F) << 7 * place
        if byte < _MORE:
            return value, at + place + 1
    raise malformed()
