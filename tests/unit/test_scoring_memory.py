"""What is left of a large body that was refused."""

import sys
import weakref

import pytest

from podium.core.errors import Invalid
from podium.scoring import memory

LARGE = 2 * 1024 * 1024


class Big:
    """Something that a body was read into."""


def test_an_error_keeps_nothing_of_what_was_read() -> None:
    made: list[weakref.ref[Big]] = []

    def read() -> None:
        big = Big()
        made.append(weakref.ref(big))
        try:
            raise ValueError(big)
        except ValueError:
            raise Invalid("It is wrong.", field="body") from None

    with pytest.raises(Invalid, match="It is wrong") as caught:
        memory.freed(read, LARGE)
    assert caught.value.field == "body"
    assert made[0]() is None


def test_what_is_read_is_given_on() -> None:
    assert memory.freed(lambda: 7, LARGE) == 7


def test_names_that_were_looked_up_are_forgotten() -> None:
    name = "".join(["a name", " made just now"])
    alone = sys.getrefcount(name)
    assert not hasattr(Big(), name)
    if sys.getrefcount(name) == alone:
        pytest.skip("this version of Python keeps no names")
    memory.give_back()
    assert sys.getrefcount(name) == alone


def test_free_places_are_given_back() -> None:
    memory.give_back()
    before = sys.getallocatedblocks()
    del [[] for _ in range(1000)][:]
    kept = sys.getallocatedblocks() - before
    memory.give_back()
    assert sys.getallocatedblocks() - before < kept
