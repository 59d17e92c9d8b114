"""Calls of a few turns of the loop are scored together, those of a quiet one at once."""

import asyncio

import numpy as np

from podium.bundle.grid import Grid
from podium.scoring import engine
from podium.scoring.joining import Joining
from podium.scoring.work import Entry, Group
from tests import scoring_kit as kit

EMPTY = Grid(np.empty((1, 0)), np.empty((1, 0), dtype=object))
ENTRY = Entry("r", [""], EMPTY, lambda _: EMPTY, None, lambda _: None, 0)


def loaded(number: int) -> engine.Loaded:
    return engine.Loaded(kit.document(number), [], kit.PUBLIC)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_those_that_come_turn_after_turn_are_told_once() -> None:
    async def main() -> list[tuple[int, bool]]:
        told: list[tuple[int, bool]] = []
        one, other = loaded(1), loaded(2)
        joining = Joining(asyncio.get_running_loop(), 24, lambda count, durable: told.append((count, durable)))
        for at in range(9):
            chosen = one if at % 3 else other
            group = joining.find(chosen) or Group(kit.ENDPOINT, chosen, engine.Deciding(None, None), 0.0)  # type: ignore[arg-type]
            joining.add(group, ENTRY)
            await _turns(2)
        assert told == []
        await _turns(10)
        groups = joining.take()
        assert sorted(group.requests for group in groups) == [3, 6]
        assert joining.take() == []
        await _turns(10)
        return told

    assert asyncio.run(main()) == [(9, True)]


def test_so_many_wait_no_longer_and_the_next_ones_begin_anew() -> None:
    async def main() -> None:
        told: list[int] = []
        chosen = loaded(1)
        joining = Joining(asyncio.get_running_loop(), 3, lambda count, _: told.append(count))
        for expected in (3, 6):
            for _ in range(3):
                group = joining.find(chosen) or Group(kit.ENDPOINT, chosen, engine.Deciding(None, None), 0.0)  # type: ignore[arg-type]
                joining.add(group, ENTRY)
            await _turns(2)
            assert sum(told) == expected
            assert [group.requests for group in joining.take()] == [3]

    asyncio.run(main())
