"""Bundles come and go for as long as a scorer runs, and so does what its log knows of them."""

import gc
from pathlib import Path

import msgspec
import pytest

from podium.core.signature import Field, FieldType, Signature
from podium.scoring.log import message, places
from podium.scoring.log.message import Encoder
from podium.scoring.log.rows import Rows
from tests.unit.log_kit import SIGNATURE, Log, part

MANY = 200


def kept(kind: type) -> int:
    """How many objects of that kind are there now."""
    return sum(type(each) is kind for each in gc.get_objects())


def of_version(number: int, feature: str) -> Rows:
    """A row of a bundle that was just loaded."""
    made = part(f"p{number}")
    loaded = msgspec.structs.replace(SIGNATURE, features=(Field(name=feature, type=FieldType.NUMBER),))
    return msgspec.structs.replace(made, source=msgspec.structs.replace(made.source, signature=loaded, version=number))


@pytest.mark.parametrize("same", [True, False])
def test_rollouts_that_come_and_go_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    monkeypatch.setattr(places, "_MOST_KNOWN", 8)
    monkeypatch.setattr(message, "_ALL_KEPT", 8)
    before = kept(Signature), kept(Encoder)
    log = Log(tmp_path / "log")
    for number in range(MANY):
        log.writer.append([of_version(number, "x" if same else f"x{number}")], durable=False, then=lambda _: None)
        if number % 5 == 0:
            log.flush()
    log.flush()
    more = kept(Signature) - before[0], kept(Encoder) - before[1]
    assert max(more) < MANY / 2, more
    assert log.found() == {f"p{number}" for number in range(MANY)}
