"""The benchmark of the scorer from start to end: measure, compare, keep the report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from podium.cli.bench import bars, engines, growth, kinds, machine, model, picture, speed, workers
from podium.cli.bench.peers import contest
from podium.cli.bench.peers.known import Peer

SECONDS, REPEATS = 3.0, 3
QUICK_SECONDS = 0.6
_LINES = 7 + 2 * len(bars.FORMS)
"""Measurements in one round of `speed`."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure, how long and how often, and where to keep it."""

    out: Path
    peers: tuple[Peer, ...] = ()
    repeats: int = REPEATS
    seconds: float = SECONDS
    growth: bool = True


class _Steps:
    """Counts what is done of what is to do."""

    def __init__(self, options: Options, say: Callable[[float, str], None]) -> None:
        self._say = say
        self._all = options.repeats * _LINES + len(options.peers) * 2 * (1 + options.repeats)
        if options.growth:
            self._all += growth.STEPS + len(workers.COUNTS) * options.repeats + len(kinds.ALL)
        self._done = 0

    def __call__(self, text: str) -> None:
        self._say(min(self._done / self._all, 1.0), text)
        self._done += 1


def run(options: Options, say: Callable[[float, str], None]) -> dict[str, Any]:
    """The report, kept as `scorer.json`. `say` hears how far it is, from 0 to 1, and what is measured."""
    described = machine.describe()
    say(0.0, "training the model")
    made = model.make()
    plan = speed.Plan(options.seconds, options.repeats, options.out / "work", _Steps(options, say))
    report: dict[str, Any] = speed.run(made, plan)
    report["peers"] = contest.run(made, options.peers, plan, options.out / "envs")
    if options.growth:
        report["workers"] = workers.run(made, plan)
        report["growth"] = growth.run(made, plan)
        report["engines"] = engines.run(made, plan)
    report["ratios"] = bars.ratios(report)
    report["bars"] = [
        msgspec.to_builtins(bar) | {"passed": bar.passed, "factor": bar.factor} for bar in bars.judge(report)
    ]
    report["run"] = {
        "repeats": options.repeats,
        "many_connections": speed.MANY_CONNECTIONS,
        "seconds": options.seconds,
        "features": model.FEATURES,
        "trees": model.TREES,
        "model_bytes": len(made.onnx),
    }
    report["machine"] = msgspec.to_builtins(described)
    keep(report, options.out / "scorer.json")
    picture.draw(report, options.out / "scorer")
    return report


def keep(report: dict[str, Any], path: Path) -> None:
    """Write the report, indented."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
