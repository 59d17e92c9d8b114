"""What a fault's test measured is kept, so that the page can be made from it."""

import fcntl
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.lines import LINES

RESULTS = Path(__file__).parents[2] / ".podium" / "faults" / "results.json"
Record = Callable[..., None]


@pytest.fixture
def record() -> Record:
    """Keep what was measured of a line; of several runs the one with the most trials."""

    def keep(name: str, trials: int, measured: str, *, held: bool) -> None:
        assert name in LINES
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        with RESULTS.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run beside each other
            known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            if trials >= known.get(name, {}).get("trials", 0):
                known[name] = {"trials": trials, "measured": measured, "held": held}
                RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
        assert held, measured

    return keep
