"""Text columns as a message has them: where the rows begin, and the bytes, one column behind the other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from podium.bundle.columns import NULL_TEXT
from podium.scoring.log.rows import Rows, Source

ALIGN = 8
OF_SOURCE = ("endpoint", "model", "digest", "role")
OF_ROW = ("prediction_id", "request_id", "key")
_PAD = [bytes(-size % ALIGN) for size in range(ALIGN)]


class Texts(NamedTuple):
    """Text columns: where the rows begin [columns, rows + 1 made even], and the bytes of each, with their padding."""

    offsets: npt.NDArray[np.int32]
    sizes: list[int]
    data: list[bytes]
    null: npt.NDArray[np.bool_] | None = None
    """[columns, rows], where some are."""


def lay(table: npt.NDArray[np.int64], buffers: npt.NDArray[np.int64], texts: Texts, at: int) -> int:
    """Note where text columns stand that begin there in the body; where they end. `buffers`: those of their offsets."""
    places = []
    for size in texts.sizes:
        places.append(at)
        at += size + -size % ALIGN
    table[buffers + 1, 0] = places
    table[buffers + 1, 1] = texts.sizes
    return at


def of_sources(sources: Sequence[Source], counts: Sequence[int]) -> Texts:
    """The texts of each source, once for each row."""
    count = sum(counts)
    if any(source is not sources[0] for source in sources):
        each = list(zip(sources, counts, strict=True))
        return _laid(
            [text for name in OF_SOURCE for source, many in each for text in [getattr(source, name)] * many], count
        )
    texts = [getattr(sources[0], name).encode() for name in OF_SOURCE]
    sizes = [len(text) for text in texts]
    offsets = np.zeros((len(texts), even(count + 1)), dtype=np.int32)
    np.outer(sizes, range(count + 1), out=offsets[:, : count + 1])
    data = [part for text in texts for part in (text * count, _PAD[len(text) * count % ALIGN])]
    return Texts(offsets, [size * count for size in sizes], data)


def even(count: int) -> int:
    return count + count % 2


def of_rows(parts: Sequence[Rows], texts: npt.NDArray[np.object_], count: int) -> Texts:
    """The texts that each row has of its own: its ids and key, and its features."""
    flat: list[str] = []
    for lists in zip(*((part.prediction_ids, part.request_ids, part.keys) for part in parts), strict=True):
        for each in lists:
            flat += each
    given = texts.T.ravel().tolist()
    if NULL_TEXT not in given:
        return _laid(flat + given, count)
    null = np.array([text == NULL_TEXT for text in [*flat, *given]], dtype=np.bool_).reshape(-1, count)
    null[: len(OF_ROW)] = False
    return _laid(flat + ["" if text == NULL_TEXT else text for text in given], count)._replace(null=null)


def _laid(flat: list[str], count: int) -> Texts:
    """Columns of `count` texts each, one behind the other."""
    together = "".join(flat)
    data = together.encode()
    sizes = map(len, flat) if len(data) == len(together) else (len(text.encode()) for text in flat)
    ends = np.cumsum(np.fromiter(sizes, np.int64, len(flat))).reshape(-1, count)
    begins = [0, *ends[:-1, -1].tolist()]
    lasts = ends[:, -1].tolist()
    offsets = np.zeros((len(ends), even(count + 1)), dtype=np.int32)
    np.subtract(ends, np.array(begins)[:, np.newaxis], out=offsets[:, 1 : count + 1], casting="unsafe")
    pieces: list[bytes] = []
    for begin, end in zip(begins, lasts, strict=True):
        pieces += (data[begin:end], _PAD[(end - begin) % ALIGN])
    return Texts(offsets, [end - begin for begin, end in zip(begins, lasts, strict=True)], pieces)
