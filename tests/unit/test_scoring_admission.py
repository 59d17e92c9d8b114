"""Who is let in under load, and what several processes have counted."""

import pytest

from podium.scoring import admission, siblings, waiting
from podium.scoring.admission import ALWAYS, MOST_BYTES, Gate

SIZE = 1000


def turn(gate: Gate, count: int, took: float, now: float) -> int:
    """A turn of the loop with so many requests, which take so long; how many came in."""
    admitted = gate.admit([SIZE] * count, now)
    gate.measure(gate.bytes, took * admitted / 64, now + took)
    gate.leave(admitted, SIZE * admitted)
    return admitted


def usual(seconds: float = 30.0, took: float = 0.003) -> tuple[Gate, float]:
    gate, now = Gate(), 0.0
    while now < seconds:
        assert turn(gate, 64, took, now) == 64
        now += 0.01
    return gate, now


def test_what_is_usual_is_learned_and_nobody_is_refused() -> None:
    gate, _ = usual()
    assert 0.0025 < gate.usual < 0.0035
    assert gate.refused == gate.requests == gate.bytes == 0


def test_under_five_times_the_load_those_let_in_take_at_most_twice_as_long() -> None:
    gate, now = usual()
    admitted = []
    for _ in range(1000):
        admitted.append(turn(gate, 320, 0.003, now))
        now += 0.01
    later = admitted[10:]
    assert max(later) <= 2.2 * 64
    assert min(later) >= 64
    assert 0.0025 < gate.usual < 0.0035, "the times of an overload are not learned"


def test_turning_away_costs_too_so_that_fewer_than_always_come_in() -> None:
    """Each one too many takes a tenth of the time of one that is answered."""
    gate, now = usual()
    took = []
    for _ in range(1000):
        admitted = gate.admit([SIZE] * 640, now)
        took.append(0.003 / 64 * (admitted + 0.1 * (640 - admitted)))
        gate.measure(gate.bytes, took[-1], now + took[-1])
        gate.leave(admitted, SIZE * admitted)
        now += 0.01
    assert admission.FEWEST <= admitted < ALWAYS
    assert max(took[50:]) < admission.SOON * 1.1, "64 of them would take longer"
    assert 0.003 / 64 * (ALWAYS + 0.1 * (640 - ALWAYS)) > admission.SOON * 1.1


def test_a_few_come_in_whatever_happens_and_64_once_no_more_are_asked_at_a_time() -> None:
    gate, now = usual()
    gate.limit = 0.0
    assert gate.admit([SIZE] * 200, now) == admission.FEWEST
    gate.leave(admission.FEWEST, admission.FEWEST * SIZE)
    assert gate.admit([SIZE] * ALWAYS, now + 0.5) == admission.FEWEST, "it was crowded just now"
    gate.leave(admission.FEWEST, admission.FEWEST * SIZE)
    assert gate.admit([SIZE] * ALWAYS, now + 1.6) == ALWAYS


def test_a_scorer_that_has_not_seen_a_quiet_second_takes_64() -> None:
    gate, now = usual(0.5)
    gate.limit = 0.0
    assert gate.admit([SIZE] * 200, now) == ALWAYS


def test_what_is_usual_is_known_after_a_second_and_follows_later() -> None:
    gate, now = usual(1.0, took=0.02)
    assert gate.usual == pytest.approx(0.02)
    for _ in range(1000):
        turn(gate, 64, 0.01, now)
        now += 0.01
    assert 0.0105 < gate.usual < 0.0125


def test_afterwards_all_come_in_again() -> None:
    gate, now = usual()
    for _ in range(200):
        turn(gate, 320, 0.003, now)
        now += 0.01
    for _ in range(300):
        last = turn(gate, 100, 0.003, now)
        now += 0.01
    assert last == 100


def test_a_slow_model_is_not_an_overload() -> None:
    """A model that always takes long: 64 connections are served as before, only the rest is turned away."""
    gate, now = Gate(), 0.0
    for _ in range(500):
        assert turn(gate, 64, 0.5, now) == 64
        now += 0.5


def test_some_may_always_come_in_but_not_without_bound() -> None:
    gate = Gate()
    gate.limit = 0.0
    assert gate.admit([SIZE] * 200, 0.0) == ALWAYS
    assert gate.refused == 200 - ALWAYS
    assert Gate().admit([MOST_BYTES // 2] * 3, 0.0) == 1


def test_a_request_counts_until_it_is_answered() -> None:
    gate = Gate()
    gate.admit([10, 20], 0.0)
    assert (gate.requests, gate.bytes > 30) == (2, True)
    gate.leave(2, 30)
    assert (gate.requests, gate.bytes) == (0, 0)
    assert admission.MOST_BYTES > 0


ONE = b"""# HELP a_total Counted.
# TYPE a_total counter
a_total{endpoint="x"} 3
a_total{endpoint="y"} 1
# HELP process_open_fds Files.
# TYPE process_open_fds gauge
process_open_fds 10
# HELP podium_rollout_number Number.
# TYPE podium_rollout_number gauge
podium_rollout_number{endpoint="x"} 4
# HELP h Time.
# TYPE h histogram
h_bucket{le="0.1"} 2
h_sum 0.25
"""
TWO = ONE.replace(b"} 3", b"} 4").replace(b"} 4\n# HELP h", b"} 5\n# HELP h").replace(b'endpoint="y"', b'endpoint="z"')


def test_figures_of_several_processes_are_told_together() -> None:
    text = siblings.merge([ONE, TWO]).decode()
    assert 'a_total{endpoint="x"} 7\na_total{endpoint="y"} 1\na_total{endpoint="z"} 1\n' in text
    assert "process_open_fds 20\n" in text
    assert 'podium_rollout_number{endpoint="x"} 5\n' in text
    assert 'h_bucket{le="0.1"} 4\nh_sum 0.5\n' in text
    assert text.count("# TYPE a_total counter") == 1


def test_of_processes_that_ended_only_sums_remain() -> None:
    text = siblings.merge([ONE], [TWO]).decode()
    assert 'a_total{endpoint="x"} 7\n' in text
    assert "process_open_fds 10\n" in text
    assert siblings.merge([ONE]) == ONE


def test_those_who_wait_elsewhere_take_no_place_and_all_their_bytes() -> None:
    gate, now = usual()
    assert gate.admit([SIZE] * 100, now) == 100
    gate.set_aside(100, 100 * SIZE)
    assert (gate.requests, gate.bytes, gate.aside) == (0, 0, 100)
    assert gate.limit < MOST_BYTES - 100 * SIZE
    kept = gate.limit
    gate.limit = 0.0
    assert gate.admit([SIZE] * ALWAYS, now + 2) == ALWAYS
    gate.leave(ALWAYS, SIZE * ALWAYS)
    gate.limit = kept
    gate.back(100, 100 * SIZE)
    assert (gate.requests, gate.aside, gate.limit) == (100, 0, MOST_BYTES)
    gate.leave(100, 100 * SIZE)
    assert (gate.requests, gate.bytes) == (0, 0)


def test_bodies_that_wait_elsewhere_leave_so_much_less_room() -> None:
    gate = Gate()
    half = MOST_BYTES // 2
    assert gate.admit([half], 0.0) == 1
    gate.set_aside(1, half)
    assert gate.admit([half, half], 0.0) == 0
    assert gate.admit([half - 10_000], 0.0) == 1


def test_a_line_turns_away_only_whom_its_own_model_keeps_waiting() -> None:
    common = Gate()
    line, other = waiting.Line(common), waiting.Line(common)
    now = 0.0
    for _ in range(5):  # each call takes a second, whoever asks
        assert common.admit([SIZE] * 200, now) == 200
        admitted = line.admit([SIZE] * 200, now)
        level = line.enter([SIZE] * admitted)
        assert common.aside == admitted
        assert common.admit([SIZE] * 64, now) == 64, "asked of another model"
        assert other.admit([SIZE] * 200, now) == 200
        common.leave(64, SIZE * 64)
        now += 1.0
        line.leave([SIZE] * admitted, level, 1.0, now)
        common.leave(200, SIZE * 200)
        assert (common.requests, common.bytes, common.aside, common.limit) == (0, 0, 0, MOST_BYTES)
    assert admission.FEWEST <= admitted <= ALWAYS
    assert common.refused >= 4 * (200 - ALWAYS)
