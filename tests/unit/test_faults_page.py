"""The page about faults speaks of the suite that is run, and of nothing else."""

import re
from pathlib import Path
from typing import Any

from tools import faults

from tests.faults import results

SUITE = Path(__file__).parents[1] / "faults"


def test_every_line_is_measured_and_every_measure_is_a_lines() -> None:
    assert set(faults.kept()["lines"]) == set(faults.lines())


def test_every_line_has_a_test_that_records_it() -> None:
    text = "\n".join(path.read_text() for path in SUITE.glob("test_*.py"))
    used = re.findall(r'forms\("([a-z-]+)"\)', text)
    recorded = re.findall(r'record\(\s*"([a-z-]+)"', text)
    assert sorted(used) == sorted(recorded) == sorted(faults.lines())


def test_the_page_says_so_where_a_line_does_not_hold_or_was_tried_less_often() -> None:
    page = faults.page()
    for name, line in faults.lines().items():
        found = faults.kept()["lines"][name]
        (row,) = [each for each in page.splitlines() if each.startswith(f"| {line.fault} |")]
        assert row.endswith("| yes |" if found["held"] else "| **no** |")
        assert ("(of " in row) == (found["trials"] != line.full)


def test_what_was_not_run_again_at_that_length_stays_as_it_is() -> None:
    old = {"trials": 9, "measured": "", "held": True, "machine": "old"}
    runs = [{"b": told(5), "c": told(8)}, {"b": told(9, "1")}, {"b": {**told(9, "2"), "run": "r"}}]
    found = faults.merge({"lines": {"a": old, "b": old, "c": old}}, runs, "new")
    assert found == {"lines": {"a": old, "b": {**told(9, "2"), "machine": "new"}, "c": old}}


def told(trials: int, measured: str = "", *, held: bool = True) -> dict[str, Any]:
    return {"trials": trials, "measured": measured, "held": held}


def after(*each: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    """What is told after these: of a run, on a disk."""
    kept: dict[str, Any] = {}
    for run, on, new in each:
        kept = results.added(kept, run, on, new)
    return {key: kept[key] for key in results.TOLD}


def test_within_a_run_a_failure_stays_one_whatever_comes_after_it() -> None:
    bad = told(2, "lost", held=False)
    assert after(("r", "", bad), ("r", "", told(20, "fine"))) == told(20, "lost", held=False)
    assert after(("r", "", told(20, "fine")), ("r", "", bad)) == told(20, "lost", held=False)
    both = ("r", "on one", told(20, "lost", held=False)), ("r", "on another", told(20, "fine"))
    for turn in (both, both[::-1]):
        assert not after(*turn)["held"]
    assert after(("q", "", told(20, "old")), ("r", "", bad), ("r", "", told(20, "fine")))["measured"] == "lost"


def test_all_kinds_of_a_run_are_told_and_a_shorter_run_takes_no_longer_ones_place() -> None:
    one, other = ("r", "on one", told(20, "fine")), ("r", "on another", told(20, "good"))
    assert after(one, other) == told(20, "on one: fine; on another: good")
    assert after(one, ("r", "on another", told(2, "good")))["trials"] == 2
    assert after(one, other, ("s", "on one", told(2, "short")))["measured"] == "on one: fine; on another: good"
    assert after(one, other, ("s", "on one", told(20, "again")))["measured"] == "on one: again"
