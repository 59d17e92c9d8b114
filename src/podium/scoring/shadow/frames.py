"""What a scorer and the process of its shadows say to each other."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec
import numpy as np

from podium.bundle import grid
from podium.core import rollout
from podium.scoring import engine, pipe
from podium.scoring.log.places import Limits

PIECE = 512
"""Rows of a frame, at most."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Where to log, and how."""

    log: str
    limits: Limits


class Load(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A rollout that rows will come for, trusted and proven by the scorer; and those that none will come for."""

    id: int
    document: rollout.Rollout
    folders: dict[str, str]
    """Where the bundles of its shadows lie, by digest."""
    forget: tuple[int, ...] = ()


class Rows(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Rows as some of a rollout's shadows see them."""

    load: int
    shadows: tuple[int, ...]
    """Which: positions among the rollout's shadows."""
    at_us: int
    request_ids: list[str]
    prediction_ids: list[str]
    keys: list[str]
    numbers: bytes
    """Of the grid's, row by row; as are the texts."""
    texts: list[str | None]


_ROWS = msgspec.msgpack.Decoder(Rows)


class Mark(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Bring all that was said before to the disk, and seal the log."""


class Done(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What became of the next rollout, frames of rows, or mark, in the order in which they were sent."""

    frames: int
    scored: Sequence[tuple[str, int, int]] = ()
    """Rows by endpoint and version."""
    dropped: Sequence[tuple[str, int]] = ()
    """Rows that did not fit a shadow, by endpoint."""
    unlogged: int = 0
    """Rows that were scored, and that the log had to drop."""
    written: int = 0
    """Bytes of log."""
    problem: str = ""
    """What the scorer's own log should say."""
    shadow: int = -1
    """Which of a rollout's shadows is asked next, where several see the same rows."""
    vain: bool = False
    """The mark was reached, and the disk did not take all that was before it."""


Asked: TypeAlias = Load | Rows | Mark


class Piece(msgspec.Struct, frozen=True):
    """A frame of rows, packed. `rows`: times the shadows that score them."""

    rows: int
    data: bytes
    shadows: tuple[int, ...] = ()
    """Which: positions among the rollout's shadows."""


def batches(group: Sequence[Rows]) -> tuple[list[engine.Batch], grid.Grid]:
    """Rows for the same shadows again, frame by frame, and those of all as one grid."""
    count = sum([len(each.keys) for each in group])
    texts = np.array(list(itertools.chain.from_iterable([each.texts for each in group])), dtype=object)
    numbers = np.frombuffer(b"".join([each.numbers for each in group]))
    seen = grid.Grid(numbers.reshape(count, -1), texts.reshape(count, -1))
    made, start = [], 0
    for each in group:
        end = start + len(each.keys)
        part = grid.take(seen, slice(start, end))
        made.append(
            engine.Batch(each.request_ids, each.prediction_ids, each.keys, part, engine.as_they_are, each.at_us)
        )
        start = end
    return made, seen


def some(piece: Piece, shadows: Sequence[int]) -> Piece:
    """The same rows for some of the shadows."""
    if len(shadows) == len(piece.shadows):
        return piece
    rows = _ROWS.decode(piece.data[pipe.HEAD :])
    taken = msgspec.structs.replace(rows, shadows=tuple(shadows))
    return Piece(len(rows.keys) * len(shadows), pipe.pack(taken), tuple(shadows))


def plain(loaded: engine.Loaded, batch: engine.Batch) -> bool:
    """Whether the rows are one piece, and nothing has to be read again for it."""
    return len(batch.keys) <= PIECE and len(loaded.views) == 1 and loaded.views[0].same


def pieces(loaded: engine.Loaded, batch: engine.Batch) -> Iterator[Piece]:
    """The rows for a rollout's shadows. Raises `Invalid` where they do not fit what a shadow expects."""
    for view in loaded.views:
        seen = batch.grid if view.same else batch.again(view.signature)
        for start in range(0, len(seen), PIECE):
            taken = slice(start, start + PIECE)
            keys = batch.keys[taken]
            part = grid.take(seen, taken)
            rows = Rows(
                loaded.id,
                view.shadows,
                batch.at_us,
                batch.request_ids[taken],
                batch.prediction_ids[taken],
                keys,
                part.numbers.tobytes(),
                part.texts.ravel().tolist(),
            )
            yield Piece(len(keys) * len(view.shadows), pipe.pack(rows), view.shadows)
