"""What a fault's test measured is kept, so that the page can be made from it."""

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
        known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        if trials >= known.get(name, {}).get("trials", 0):
            known[name] = {"trials": trials, "measured": measured, "held": held}
            RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
        assert held, measured

    return keep
