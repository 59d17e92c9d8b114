"""Each check by itself: how often it alerts while nothing is wrong, and how soon after a fault of its own."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy

from podium.core import drill, project
from podium.core.signature import Signature
from podium.monitor.checks import finding
from podium.monitor.drill import faults, judge
from podium.monitor.drill.judge import Broken
from podium.monitor.drill.traffic import Traffic

FAULTY = 4
"""Windows for which a fault lasts."""
OF_ROWS = ("shift 1σ", "concept drift")
"""The faults by which checks of whole rows are tested: of the scores, and of outcomes."""
_MONTH_DAYS = 30
_MISSING = "missing_rate"
Key: TypeAlias = tuple[str, str | None]
"""Measure and column."""


class BackTest:
    """Collects, over repetitions, the windows until each column's own checks alert.

    A fault is put into all columns at once, and each column is then judged beside the others as they were without it:
    so one copy of the traffic tests every check, and no column's fault helps to believe another's.
    """

    def __init__(self, signature: Signature, traffic: Traffic, random: numpy.random.Generator) -> None:
        self._signature = signature
        self._fields = {field.name: field for field in signature.features}
        self._moved, self._nulls = faults.everywhere(signature.features, traffic)
        self._random = random
        self._keys: list[Key] = []
        self._delays: dict[Key, list[int | None]] = {}

    def add(self, draw: Callable[[], Traffic], before: judge.Known, spec: project.Project) -> None:
        """One repetition, with windows that `draw` gives."""
        self._keys = [(each.measure, each.column) for each in judge.findings(draw(), before, self._signature, spec)]
        for fault in (self._moved, self._nulls):
            for key, delay in self._under(fault, draw, before, spec).items():
                self._delays.setdefault(key, []).append(delay)

    def _under(
        self, fault: faults.Fault, draw: Callable[[], Traffic], before: judge.Known, spec: project.Project
    ) -> dict[Key, int | None]:
        def findings(rows: Traffic) -> list[finding.Finding]:
            return judge.of_features(rows, before, self._signature, spec)

        quiet = [judge.broken(findings(draw())) for _ in range(spec.monitor.last_windows())]
        standing = judge.alerting(quiet, spec.monitor)
        histories = {name: list(quiet) for name in self._fields}
        own = [key for key in self._keys if key[1] is not None and (key[0] == _MISSING) == (fault is self._nulls)]
        found: dict[Key, int | None] = dict.fromkeys(own)
        for number in range(1, FAULTY + 1):
            rows = draw()
            well, ill = findings(rows), findings(fault.put(rows, self._random))
            for name, history in histories.items():
                history.append(judge.broken([b if b.column == name else a for a, b in zip(well, ill, strict=True)]))
                for key in judge.alerting(history, spec.monitor) - standing:
                    if key[1] == name and key in found and found[key] is None:
                        found[key] = number
            if None not in found.values():
                break
        return found

    def monitors(
        self, quiet: Sequence[Broken], seen: Mapping[str, Sequence[Sequence[Broken]]], window_days: int
    ) -> list[drill.Monitor]:
        """The checks; `quiet`: what began to alert in each quiet window; `seen`: the same under each fault, by run."""
        return [self._monitor(key, quiet, seen, window_days) for key in self._keys]

    def _monitor(
        self,
        key: Key,
        quiet: Sequence[Broken],
        seen: Mapping[str, Sequence[Sequence[Broken]]],
        window_days: int,
    ) -> drill.Monitor:
        fault, delays = self._of_rows(key, seen) if key[1] is None else self._of_column(key, key[1])
        known = [each for each in delays if each is not None]
        alarms = sum(key in each for each in quiet)
        return drill.Monitor(
            measure=key[0],
            column=key[1],
            false_alarms=alarms,
            false_alarms_per_month=alarms / len(quiet) * _MONTH_DAYS / window_days,
            fault=fault,
            runs=len(delays),
            detected=len(known),
            delay=statistics.median(known) if known else None,
        )

    def _of_column(self, key: Key, column: str) -> tuple[str, Sequence[int | None]]:
        field = self._fields[column]
        if key[0] == _MISSING and not field.nullable:
            return "nulls, which the scorer refuses", [1] * len(self._delays[key])
        words = self._nulls.what if key[0] == _MISSING else faults.words_for_moved(field)
        return words, self._delays[key]

    def _of_rows(self, key: Key, seen: Mapping[str, Sequence[Sequence[Broken]]]) -> tuple[str, Sequence[int | None]]:
        name = OF_ROWS[0] if key[0] == "psi" else OF_ROWS[1]
        if name not in seen:
            return "", ()
        return name, [next((at for at, each in enumerate(run, 1) if key in each), None) for run in seen[name]]
