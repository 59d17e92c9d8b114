"""The monitoring benchmark's figures as a page: tables of what there is, bars that can be missed."""

from typing import Any

import pytest

from benches.check import page
from podium.cli.bench.page import marks
from podium.core import errors

SPEED: dict[str, Any] = {
    "floor_s": 0.7,
    "floor_cpu_s": 0.8,
    "floor_peak_mb": 580.0,
    "floor_now_s": 0.4,
    "floor_now_cpu_s": 0.5,
    "podium_s": 1.4,
    "podium_cpu_s": 1.5,
    "podium_peak_mb": 300.0,
    "podium_cached_s": 0.7,
    "podium_cached_cpu_s": 0.8,
    "podium_cached_peak_mb": 200.0,
}
FOUND: dict[str, Any] = {
    "1m": SPEED
    | {
        "peers": {
            "fast": {"s": 20.0, "cpu_s": 16.0, "peak_mb": 1900.0, "ended": True, "exact": True},
            "sketch": {"s": 2.0, "cpu_s": 2.0, "peak_mb": 100.0, "ended": True, "exact": False},
            "slow": {"s": 210.0, "cpu_s": 200.0, "peak_mb": 4000.0, "ended": False, "exact": True, "said": "stopped"},
            "gone": {"s": None, "peak_mb": None, "said": "cannot be installed"},
        }
    },
    "accuracy": {"ks": 1e-4, "wasserstein": 6e-4},
    "false_alarms": {"podium": 0.002, "fast": 0.9},
    "false_alarms_by": {"podium": {"normal": {"100": 0.0, "1000": 0.004}}, "fast": {"normal": {"1000": 0.9}}},
    "false_alarms_of": {"fast": 20},
    "alarms_of": {"repetitions": 300, "seed": 7},
    "detected": {"one_of_50": 0.94},
    "growth": {"1": {"hour_cpu_s": 0.05}, "30": {"hour_cpu_s": 0.06}},
}


def test_bars_are_judged_by_what_was_found() -> None:
    judged = {said: good for said, _, _, good in page.bars(FOUND)}
    assert judged == {
        "stored reference over decoding what it reads, 1 million rows × 50 columns": True,
        "times faster than the fastest exact peer, two files": True,
        "times faster than the fastest exact peer, stored reference": True,
        "times less CPU than the fastest exact peer, two files": True,
        "times less CPU than the fastest exact peer, stored reference": True,
        "largest error of ks": True,
        "largest error of wasserstein": False,
        "windows with a false alarm": True,
        "0.25 σ at 1,000 rows found, one of 50": False,
    }
    slower = FOUND | {"1m": FOUND["1m"] | {"podium_cached_s": 0.81, "podium_s": 2.1}}
    assert [good for said, _, _, good in page.bars(slower) if said.startswith("stored")] == [False]
    assert [good for said, _, _, good in page.bars(slower) if said.startswith("times faster")] == [False, True]


def test_peers_without_a_figure_say_why() -> None:
    said = page.markdown(FOUND)
    assert "| slow: stopped | > 210 | > 200 | > 4,000 |" in said
    assert "| gone: cannot be installed |  |  |  |" in said
    assert said.index("| sketch |") < said.index("| fast |") < said.index("| slow")
    assert "| normal, 1,000 rows | 0.4 % | 90.0 % |" in said
    assert "| normal, 100 rows | 0.0 % |  |" in said


def test_parts_that_were_not_run_are_left_out() -> None:
    assert page.markdown({}) == ""
    assert "###" in page.markdown({"accuracy": {"ks": 1e-4}})
    assert "Windows" not in page.markdown({"accuracy": {"ks": 1e-4}})


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    begin, end = marks("monitor")
    text = page.replaced(f"before\n{begin}\nold\n{end}\nafter\n", FOUND)
    assert page.replaced(text, FOUND) == text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(errors.Invalid):
        page.replaced("nothing", FOUND)
