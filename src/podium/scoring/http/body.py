"""Bodies in chunks (RFC 9112, 7.1), and compressed ones."""

import re
import zlib

from podium.scoring.http import head as heads
from podium.scoring.http.refusals import Refusal

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_LONGEST_LINE = 4096
_MOST_CHUNKS = 512
_TRAILER = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+\r\n")
_LONGEST_TRAILER = 16 * 1024
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
CODINGS = frozenset(_WINDOWS)


class Chunks:
    """A chunked body that arrives in pieces. Chunk extensions and trailers are checked for form and forgotten."""

    def __init__(self, limit: int) -> None:
        self.body = bytearray()
        self._limit = limit
        self._left = 0
        self._ended = False
        self.enough = False
        """Whether there is more to take, in another turn of the loop: others have to wait meanwhile."""

    def feed(self, data: bytearray) -> bool:
        """Take what there is from the front of `data`, up to so many chunks; whether the body is whole.

        Raises `Refusal`.
        """
        begun = 0
        self.enough = False
        while data:
            if self._ended:
                return self._trailer(data)
            if not self._left:
                if begun == _MOST_CHUNKS:
                    self.enough = True
                    return False
                begun += 1
                if not self._size(data):
                    return False
                continue
            self._content(data)
            if self._left:
                return False
        return False

    def _size(self, data: bytearray) -> bool:
        end = data.find(b"\n", 0, _LONGEST_LINE)
        if end < 0:
            if len(data) >= _LONGEST_LINE:
                raise Refusal.of(400, "A chunk's first line is too long.", "body")
            return False
        line = _SIZE.fullmatch(data, 0, end + 1)
        if line is None:
            raise Refusal.of(400, "A chunk does not begin with its size.", "body")
        size = int(line[1], 16)
        del data[: end + 1]
        if size == 0:
            self._ended = True
        elif len(self.body) + size > self._limit:
            raise TooLarge
        else:
            self._left = size + 2
        return True

    def _content(self, data: bytearray) -> None:
        """Content and the CRLF after it, which counts as two more bytes left."""
        whole = self._left - 2
        if whole > 0:
            piece = data[:whole]
            self.body += piece
            del data[:whole]
            self._left -= len(piece)
        if 0 < self._left <= 2 and data:
            wanted = b"\r\n"[2 - self._left :]
            given = bytes(data[: self._left])
            if not wanted.startswith(given):
                raise Refusal.of(400, "A chunk is not as long as it says.", "body")
            del data[: len(given)]
            self._left -= len(given)

    def _trailer(self, data: bytearray) -> bool:
        if data == b"\r":
            return False
        if data.startswith(b"\r\n"):
            del data[:2]
            return True
        end = data.find(b"\r\n\r\n", 0, _LONGEST_TRAILER)
        heads.check_lines(data, 0, _LONGEST_TRAILER if end < 0 else end)
        if end < 0:
            if len(data) >= _LONGEST_TRAILER:
                raise Refusal.of(431, "The trailer is too long.")
            return False
        if _TRAILER.fullmatch(data, 0, end + 4) is None:
            raise Refusal.of(400, "A trailer line is not as HTTP/1.1 wants it.")
        del data[: end + 4]
        return True


class TooLarge(Exception):
    """The body is over the limit."""


def inflate(body: bytes, limit: int, coding: str = "gzip") -> bytes:
    """The content of a gzip or deflate (zlib) body of one member; `TooLarge` over `limit` bytes, else `Refusal`."""
    stream = zlib.decompressobj(_WINDOWS[coding])
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error:
        raise Refusal.of(400, "The body is not compressed as it says.", "body") from None
    if len(content) > limit:
        raise TooLarge
    if not stream.eof:
        raise Refusal.of(400, "The compressed body ends too early.", "body")
    if stream.unused_data:
        raise Refusal.of(400, "There is more behind the compressed body.", "body")
    return content
