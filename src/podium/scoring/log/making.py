"""Making messages of rows: those that came one by one become some with others'. No reader takes odd rows; they are left
out, and cost no other.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pyarrow as pa

from podium.scoring.log import places, rows
from podium.scoring.log.places import Message

_LOG = logging.getLogger("podium.scorer")
CHUNK = 512
"""So many rows that came one by one are enough for a message."""
_UNFIT = (ValueError, TypeError, pa.ArrowException)
Encode: TypeAlias = Callable[[Sequence[rows.Rows]], list[Message]]


class Maker:
    """Makes messages; `encode` raises for rows of which none can be made."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def made(self, parts: Sequence[rows.Rows]) -> list[Message] | None:
        """The rows as messages; None where no disk will ever take them."""
        try:
            return self._encode(parts)
        except Exception as problem:  # noqa: BLE001 - nothing that is odd about rows ends the log
            if not isinstance(problem, _UNFIT):
                _LOG.exception("%d rows could not be made ready for the log", places.count(parts))
            return None

    def gathered(self, parts: Sequence[rows.Rows]) -> tuple[list[Message], int]:
        """Messages of parts that came one by one, and of how many rows none can be made."""
        messages: list[Message] = []
        unfit = count = 0
        chunk: list[rows.Rows] = []
        for part in parts:
            chunk.append(part)
            count += len(part)
            if count >= CHUNK or part is parts[-1]:
                made, odd = self._chunk(chunk)
                messages += made
                unfit += odd
                chunk, count = [], 0
        return messages, unfit

    def _chunk(self, chunk: Sequence[rows.Rows]) -> tuple[list[Message], int]:
        """Messages of all parts together; where that cannot be, of each by itself."""
        together = self.made(chunk)
        if together is not None:
            return together, 0
        if len(chunk) == 1:
            return [], places.count(chunk)
        each = [self._chunk([part]) for part in chunk]
        return [message for made, _ in each for message in made], sum([odd for _, odd in each])
