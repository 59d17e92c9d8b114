"""The forms of messages are kept for all threads that encode."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from podium.bundle import grid
from podium.scoring.log import rows
from podium.scoring.log.places import Limits, Places
from tests.unit import log_kit


@pytest.fixture
def hasty() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def part(source: rows.Source, count: int) -> rows.Rows:
    names = [str(at) for at in range(count)]
    made = grid.Grid(np.ones((count, 1)), np.empty((count, 0), dtype=object))
    return rows.Rows(
        source=source,
        at_us=1,
        request_ids=names,
        prediction_ids=names,
        keys=[""] * count,
        scores=np.full(count, 0.25),
        grid=made,
    )


@pytest.mark.usefixtures("hasty")
def test_two_threads_encode_rows_of_many_counts_and_none_is_lost(tmp_path: Path) -> None:
    places = Places(tmp_path, lambda: "s", Limits(), lambda: None)
    sources = [log_kit.part(f"{at}").source for at in range(2)]
    lost = [0, 0]

    def encode(which: int) -> None:
        for turn in range(3000):
            given = part(sources[which], 1 + (turn * 7 + which) % 250)
            messages = places.encode([given])
            lost[which] += not messages

    threads = [threading.Thread(target=encode, args=(which,)) for which in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert lost == [0, 0]
