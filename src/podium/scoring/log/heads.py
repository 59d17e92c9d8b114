"""A segment's head proves itself, and a bit that changed in it is found and turned back.

The head is an Arrow schema message. In its metadata stands the SHA-256 of the whole message (these digits as zeros).
The batches' checksums go on from the head's (see `batches`), and what a changed bit does to a checksum depends only on
where it is: so any one whole batch tells which bit of a harmed head that must have been, and the digest whether it was.
"""

import hashlib
import re
import zlib

import pyarrow as pa

_DIGEST = b"sha256"
_UNSTATED = b"0" * 64
_STATED = re.compile(rb"\x40\x00\x00\x00([0-9a-f]{64})\x00")
_POLYNOMIAL = 0xEDB88320
_LARGEST = 1024 * 1024


def unstated(schema: pa.Schema) -> pa.Schema:
    """The schema with room for its head's digest."""
    return schema.with_metadata({**(schema.metadata or {}), _DIGEST: _UNSTATED})


def make(schema: pa.Schema) -> bytes:
    """The head of a segment with that schema, which has room for the digest."""
    blank: bytes = schema.serialize().to_pybytes()
    start, end = _place(blank)
    return blank[:start] + hashlib.sha256(blank).hexdigest().encode() + blank[end:]


def is_whole(head: bytes) -> bool:
    """Whether it states a digest that is its own."""
    start, end = _place(head)
    return head[start:end] == hashlib.sha256(head[:start] + _UNSTATED[: end - start] + head[end:]).hexdigest().encode()


def mended(head: bytes, batch: bytes, checksum: int) -> bytes | None:
    """The head as it was before one bit of it changed; None when it was something else that happened.

    `batch`: the bytes of one that followed, without its checksum, which goes on from the unharmed head's.
    """
    if len(head) > _LARGEST:
        return None
    wrong = zlib.crc32(batch, zlib.crc32(head)) ^ checksum
    effect = zlib.crc32(b"\x80" + batch) ^ zlib.crc32(b"\x00" + batch)  # of the head's last bit
    for bit in range(8 * len(head) - 1, -1, -1):
        if effect == wrong:
            turned = head[: bit // 8] + bytes([head[bit // 8] ^ 1 << bit % 8]) + head[bit // 8 + 1 :]
            return turned if is_whole(turned) else None
        effect = effect >> 1 ^ (_POLYNOMIAL if effect & 1 else 0)
    return None


def _place(head: bytes) -> tuple[int, int]:
    """Where the digest stands; nowhere in a head of an earlier version."""
    found = _STATED.search(head)
    return found.span(1) if found is not None else (0, 0)
