"""What processes on one port tell each other: whole, whenever one dies."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from podium.scoring import siblings
from podium.scoring.metrics import Asked, Metrics

COUNTER = b"# HELP a_total Some.\n# TYPE a_total counter\na_total %d\n"
GAUGE = b"# HELP b Some.\n# TYPE b gauge\nb %d\n"
_ODD = 'a"b\\c\nd e\u2028f'


def test_what_a_process_tells_is_whole_even_if_it_dies_at_it() -> None:
    memory = siblings.Memory(2)
    seen = set()
    for trial in range(20):
        pid = os.fork()
        if pid == 0:
            turn = memory.read(1).turn
            while True:
                turn += 1
                memory.write(1, siblings.Told(turn, b"e" * (turn % 7), b"%d" % (turn % 10) * (500_000 + turn % 1000)))
        until = time.monotonic() + 0.02 + trial / 1000
        while time.monotonic() < until:
            _whole(memory.read(1))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        told = memory.read(1)
        _whole(told)
        seen.add(told.turn)
    assert max(seen) > 20
    assert memory.read(0) == siblings.Told()


def _whole(told: siblings.Told) -> None:
    if told.turn:
        assert told.ended == b"e" * (told.turn % 7)
        assert told.living == b"%d" % (told.turn % 10) * (500_000 + told.turn % 1000)


def test_what_the_dead_had_counted_stays_once() -> None:
    memory = siblings.Memory(2)
    other = siblings.Siblings(memory, 1)
    for generation in range(3):
        own = siblings.Siblings(memory, 0)
        assert f"a_total {generation * 5 + 1}\n" in other.together(COUNTER % 1).decode()
        for value in (2, 5):
            own.write(COUNTER % value + GAUGE % 7)
        assert f"a_total {generation * 5 + 6}\n" in other.together(COUNTER % 1).decode()
        assert f"a_total {generation * 5 + 9}\n" in own.together(COUNTER % 9).decode()
        assert "b 7\n" in other.together(COUNTER % 1).decode()
    siblings.Siblings(memory, 0)
    assert "\nb " not in other.together(COUNTER % 1).decode()


def test_too_much_to_tell_leaves_what_was_told() -> None:
    memory = siblings.Memory(2)
    own, other = siblings.Siblings(memory, 0), siblings.Siblings(memory, 1)
    own.write(COUNTER % 3)
    own.write(COUNTER % 4 + b"# " + bytes(33 * 1024 * 1024))
    assert b"a_total 4\n" in other.together(COUNTER % 1)
    own.write(COUNTER % 5)
    assert b"a_total 6\n" in other.together(COUNTER % 1)


def test_a_drain_is_of_all_that_was_there_when_it_was_asked_for_however_many_ask() -> None:
    memory = siblings.Memory(3)
    parts = [siblings.Siblings(memory, number) for number in range(3)]
    had, gone = [0, 0, 0], [0, 0, 0]

    def drains(number: int) -> Callable[[], bool]:
        def drain() -> bool:
            there = had[number]
            time.sleep(0.002)
            gone[number] = there
            return True

        return drain

    def ask(number: int) -> bool:
        for _ in range(15):
            there = [0, 0, 0]
            for each in range(3):
                had[each] += 1
                there[each] = had[each]
            if not parts[number].drain(drains(number), 20.0):
                return False
            if any(gone[each] < there[each] for each in range(3)):
                return False
        return True

    for number, part in enumerate(parts):
        part.follow(drains(number))
    with ThreadPoolExecutor(9) as threads:
        assert all(threads.map(ask, [0, 1, 2] * 3))


def test_a_late_asker_takes_back_nothing() -> None:
    memory = siblings.Memory(3)
    for number, turn in ((0, 1), (1, 2), (2, 1)):  # the last one looked before the first had asked
        memory.ask(number, turn)
    assert memory.asked == 2


def test_labels_of_any_text_are_told_as_the_text_form_wants() -> None:
    """https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details."""
    counts = Metrics()
    counts.answered(Asked(_ODD, status="200"), 2)
    escaped = _ODD.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert f'\npodium_requests_total{{endpoint="{escaped}",status="200"}} 2\n' in counts.text().decode()
    both = siblings.merge([counts.text(), counts.text()]).decode()
    assert f'\npodium_requests_total{{endpoint="{escaped}",status="200"}} 4\n' in both


def test_a_model_that_one_process_lacks_is_not_hidden_by_the_others() -> None:
    told = []
    for up in (1.0, 0.0, 1.0):
        counts = Metrics()
        counts.watch("podium_model_up", partial(dict, {(("endpoint", "delay"), ("version", "1")): up}))
        counts.watch("podium_log_failing", partial(float, 1.0 - up))
        told.append(counts.text())
    both = siblings.merge(told).decode()
    assert '\npodium_model_up{endpoint="delay",version="1"} 0\n' in both
    assert "\npodium_log_failing 1\n" in both


def test_callers_cannot_make_ever_more_series_of_times() -> None:
    """Requests that score nothing are timed by route alone, and counted by endpoint."""
    counts = Metrics()
    for endpoint in range(50):
        for route in range(9):
            for method in ("DELETE", "GET", "PUT", "_OTHER"):
                counts.answered(Asked(f"e{endpoint}", f"/route/{route}", method, "405"), 2, 0.001)
    text = counts.text().decode()
    assert len(text) < 200_000
    assert 'podium_requests_total{endpoint="e7",status="405"} 72\n' in text
    assert 'http_request_method="PUT",http_response_status_code="405",http_route="/route/3"} 100\n' in text
    assert counts.value("podium_requests_total", endpoint="e49", status="405") == 72
