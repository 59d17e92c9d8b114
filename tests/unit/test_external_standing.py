"""Whether an external model is counted on."""

from collections.abc import Callable

from podium.bundle.engines.external.standing import DOUBT_SECONDS, Standing


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
