"""Content addresses: `sha256:` and 64 hexadecimal digits."""

import hashlib
import re
from typing import Any

import msgspec

from podium.core.errors import Invalid

PREFIX = "sha256:"
_PATTERN = re.compile(r"^sha256:[0-9a-f]{64}$")
_ENCODER = msgspec.json.Encoder(order="sorted")


def of_bytes(data: bytes | memoryview) -> str:
    """The digest of some bytes."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """The one JSON form of a value (keys sorted, no spaces) over which digests and signatures are made."""
    return _ENCODER.encode(value)


def of_value(value: Any) -> str:
    """The digest of the canonical JSON of a value."""
    return of_bytes(canonical(value))


def check(digest: str, field: str = "digest") -> str:
    """Return the digest if it is well formed, else raise `Invalid`."""
    if _PATTERN.fullmatch(digest) is None:
        raise Invalid("This is not a digest.", field=field, fix="Write sha256: and 64 hexadecimal digits.")
    return digest
