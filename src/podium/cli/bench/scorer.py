"""The benchmark of the scorer from start to end: measure, compare, keep the report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from podium.cli.bench import bars, machine, model, speed

SECONDS, REPEATS = 3.0, 3
QUICK_SECONDS = 0.6


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure, how long and how often, and where to keep it."""

    out: Path
    peers: tuple[str, ...] = ()
    repeats: int = REPEATS
    seconds: float = SECONDS
    growth: bool = True


def run(options: Options, say: Callable[[float, str], None]) -> dict[str, Any]:
    """The report. `say` hears how far it is, from 0 to 1, and what is measured."""
    described = machine.describe()
    say(0.0, "training the model")
    made = model.make()
    plan = speed.Plan(options.seconds, options.repeats, options.out / "work", lambda text: say(0.1, text))
    report: dict[str, Any] = speed.run(made, plan)
    report["peers"] = {}
    report["ratios"] = bars.ratios(report)
    report["bars"] = [
        {"name": bar.name, "wanted": bar.wanted, "value": bar.value, "passed": bar.passed, "factor": bar.factor}
        for bar in bars.judge(report)
    ]
    report["run"] = {"repeats": options.repeats, "seconds": options.seconds, "features": model.FEATURES}
    report["machine"] = msgspec.to_builtins(described)
    keep(report, options.out / "scorer.json")
    return report


def keep(report: dict[str, Any], path: Path) -> None:
    """Write the report, indented."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
