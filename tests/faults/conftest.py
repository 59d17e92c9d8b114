"""What a fault's test measured is kept, so that the page can be made from it."""

import fcntl
import json
import os
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import results
from tests.faults.lines import DISKS, LINES, Trials

RESULTS = Path(__file__).parents[2] / ".podium" / "faults" / "results.json"
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
Record = Callable[..., None]


def _keep(name: str, trials: int, measured: str, on: str, *, held: bool) -> None:
    assert name in LINES
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run beside each other
        known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        new = {"trials": trials, "measured": measured, "held": held}
        known[name] = results.added(known.get(name, {}), RUN, on, new)
        RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def _given(test: pytest.Item) -> dict[str, Any]:
    """What a test is parametrized with."""
    found: dict[str, Any] = getattr(getattr(test, "callspec", None), "params", {})
    return found


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Keep what was measured of a line, and on which kind of disk, if on several; fail where it did not hold."""

    def keep(name: str, trials: int, measured: str, *, held: bool) -> None:
        _keep(name, trials, measured, DISKS.get(_given(request.node).get("disk", ""), ""), held=held)
        assert held, measured

    return keep


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails before it has measured is a failure of its line, too."""
    report = yield
    given = _given(item)
    for each in given.values():
        if report.failed and isinstance(each, Trials):
            why = "" if call.excinfo is None else " ".join(call.excinfo.exconly().split())
            _keep(each.line, each, f"the test failed: {why[:200]}", DISKS.get(given.get("disk", ""), ""), held=False)
    return report
