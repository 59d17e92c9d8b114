"""The page about faults speaks of the suite that is run, and of nothing else."""

import re
from pathlib import Path

from tools import faults

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
    old = {"trials": 9, "machine": "old"}
    runs = [{"b": {"trials": 5}, "c": {"trials": 8}}, {"b": {"trials": 9, "n": 1}}, {"b": {"trials": 9, "n": 2}}]
    found = faults.merge({"lines": {"a": old, "b": old, "c": old}}, runs, "new")
    assert found == {"lines": {"a": old, "b": {"trials": 9, "n": 2, "machine": "new"}, "c": old}}
