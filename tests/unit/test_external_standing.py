"""Whether an external model is counted on."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from podium.bundle.engines.external import model
from podium.bundle.engines.external.standing import DOUBT_SECONDS, Standing
from podium.bundle.engines.worker import turn
from podium.core.errors import Unavailable
from tests.vendor import ROWS, Vendor, asking


class Clock:
    """Stands still until it is set."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds


def test_a_failure_is_doubted_until_an_answer_or_until_time_has_passed() -> None:
    clock = Clock()
    standing = Standing(clock.now)
    said = [standing.good]

    def after(happened: Callable[[], None], seconds: float) -> None:
        happened()
        clock.seconds += seconds
        said.append(standing.good)

    after(standing.failed, 0.0)
    after(standing.answered, 0.0)
    after(standing.failed, DOUBT_SECONDS - 1.0)
    after(standing.failed, DOUBT_SECONDS - 1.0)  # the doubt began anew
    after(lambda: None, 2.0)
    assert said == [True, False, True, False, False, True]


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    yield made
    made.close()


def ask(asked: model.Model, waited: float = 0.0) -> bool:
    """Whether it is counted on once it gave no scores."""
    before = turn.WAITED.set(waited)
    try:
        with pytest.raises(Unavailable):
            asked.predict(ROWS)
    finally:
        turn.WAITED.reset(before)
    return asked.ready


def test_rows_that_it_declines_say_nothing_against_it(vendor: Vendor) -> None:
    with closing(asking(vendor.url, attempts=1)) as asked:
        vendor.mood = "declines"
        assert ask(asked)
        vendor.mood = "busy"
        assert not ask(asked)
        vendor.mood = "declines"
        assert ask(asked)  # it has answered


def test_nor_does_a_question_that_had_hardly_any_time_left(vendor: Vendor) -> None:
    with closing(asking(vendor.url, attempts=1)) as asked:
        vendor.takes = 0.5
        assert ask(asked, waited=9.9)
        vendor.mood, vendor.takes = "gone", 0.0
        assert not ask(asked)
