"""Rollouts that are being taken: few of an endpoint, and of those that nothing is served from, at once."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from podium.scoring import loads
from tests.patience import until


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[loads.Wanted], None]]:
    """A load that lasts as long as the test."""
    monkeypatch.setattr(loads, "_MOMENT_SECONDS", 0.01)
    over = threading.Event()

    def hold(_: loads.Wanted) -> None:
        over.wait(30)

    yield hold
    over.set()


def test_of_one_endpoint_few_are_taken_at_once_and_the_newest_is_wanted(held: Callable[[loads.Wanted], None]) -> None:
    made = loads.Loads()
    wanted: list[loads.Wanted] = []
    ends = threading.Event()

    def first(is_wanted: loads.Wanted) -> None:
        wanted.append(is_wanted)
        ends.wait(30)

    made.begin("a", 1, first)
    assert wanted[0]()
    for number in range(2, 5):
        assert made.room("a", served=True)
        made.begin("a", number, held)
    assert not made.room("a", served=True)
    assert made.room("b", served=True)
    assert made.number("a") == 4
    assert not wanted[0]()
    ends.set()
    until(lambda: made.room("a", served=True))


def test_those_that_take_long_make_room_for_others(
    held: Callable[[loads.Wanted], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads, "_SHARING_SECONDS", 1.0)
    made = loads.Loads()
    begun = time.monotonic()
    for at in range(8):
        assert made.room(f"a{at}", served=False)
        made.begin(f"a{at}", 1, held)
    if time.monotonic() - begun < 1.0:
        assert not made.room("b", served=False)
        assert made.room("b", served=True)
    until(lambda: made.room("b", served=False), seconds=10.0)


def test_what_was_kept_is_not_taken_in_place_of_something_newer(held: Callable[[loads.Wanted], None]) -> None:
    made = loads.Loads()
    made.begin("a", 2, held)
    made.begin("a", 1, held, first=True)
    made.begin("b", 1, held, first=True)
    assert (made.number("a"), made.number("b")) == (2, 1)


def test_what_no_thread_can_be_started_for_is_not_being_taken_and_may_be_begun_again(
    held: Callable[[loads.Wanted], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = loads.Loads()
    with monkeypatch.context() as crowded:
        crowded.setattr(threading, "_start_new_thread", _no_room)
        assert not made.begin("a", 1, held)
        assert not made.begin("a", 1, held, first=True)
    assert made.number("a") is None
    made.rest(lambda: False)
    assert made.begin("a", 1, held, first=True)
    assert made.number("a") == 1


def _no_room(*_: object) -> None:
    raise RuntimeError("can't start new thread")
