"""What the log holds when all is over: recovered, shipped and read as the product does it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from podium.core import digest
from podium.scoring import ship
from podium.scoring.log import recover, segment


def segments(folder: Path) -> dict[str, bytes]:
    """Seal what dead scorers left in a log's folder, and ship everything; the bytes by segment name."""
    recover.folder(folder)
    stored: dict[str, bytes] = {}

    def send(name: str, stated: str, data: bytes) -> None:
        assert digest.of_bytes(data) == stated
        assert stored.setdefault(name, data) == data

    ship.Shipper(folder, send).ship()
    left = [path.name for path in folder.iterdir() if path.suffix not in (segment.NEW, segment.ASIDE)]
    assert left == [], "what is not shipped would be lost"
    return stored


def rows(stored: dict[str, bytes]) -> list[dict[str, Any]]:
    """All rows of those segments."""
    return [row for data in stored.values() for row in read(data)]


def read(data: bytes) -> list[dict[str, Any]]:
    """The rows of one segment."""
    found: list[dict[str, Any]] = pa.ipc.open_stream(data).read_all().to_pylist()
    return found


def lost(answered: Mapping[str, float], logged: Mapping[str, float]) -> list[str]:
    """The ids whose score a client was given and the log has not. Sent again, a row may differ in its last digits."""
    return [one for one, score in answered.items() if one not in logged or abs(logged[one] - score) > 1e-12]


def scores(stored: dict[str, bytes]) -> dict[str, float]:
    """By prediction id, the score that was logged."""
    return {row["prediction_id"]: row["score"] for row in rows(stored)}
