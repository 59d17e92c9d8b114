"""Turns: so many at a time, in order, each ended once."""

from podium.scoring.turns import Done, Turns


def test_so_many_at_a_time_in_their_order() -> None:
    turns = Turns(2)
    begun: list[int] = []
    ends: list[Done] = []

    def take(number: int) -> None:
        def begin(done: Done) -> None:
            begun.append(number)
            ends.append(done)

        turns.take(begin)

    for number in range(5):
        take(number)
    assert begun == [0, 1]
    ends[1]()
    ends[1]()
    assert begun == [0, 1, 2], "a turn ends once"
    ends[0]()
    ends[2]()
    assert begun == [0, 1, 2, 3, 4]
    for done in ends:
        done()
    take(5)
    take(6)
    take(7)
    assert begun == [0, 1, 2, 3, 4, 5, 6]


def test_thousands_may_end_while_they_begin() -> None:
    turns = Turns(1)
    held: list[Done] = []
    turns.take(held.append)
    begun = 0

    def begin(done: Done) -> None:
        nonlocal begun
        begun += 1
        done()

    for _ in range(5000):
        turns.take(begin)
    assert begun == 0
    held[0]()
    assert begun == 5000
