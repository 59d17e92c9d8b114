"""Each check by itself: how often it alerts while nothing is wrong, and how soon after a fault of its own."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy

from podium.core import drill, project
from podium.core.signature import Signature
from podium.monitor.checks import contributions, feed, finding, outcomes, whole
from podium.monitor.drill import faults, judge
from podium.monitor.drill.judge import Broken
from podium.monitor.drill.traffic import Traffic

FAULTY = 4
"""Windows for which a fault lasts."""
_SHIFT = "shift 1σ"
_BY = {
    "psi": _SHIFT,
    contributions.MEASURE: _SHIFT,
    outcomes.MEASURE: faults.FLIP,
    whole.MEASURE: faults.SWAPPED,
    whole.TOLD: faults.LITTLE,
    feed.AGE: faults.STOPPED,
    feed.AGAIN: faults.REPEATED,
}
"""By measure of whole rows, or of what features add: the fault by which it is tested; others by concept drift."""
_MONTH_DAYS = 30
_MISSING, _CONSTANT = "missing_rate", "constant"
Key: TypeAlias = tuple[str, str | None]
"""Measure and column."""
Seen: TypeAlias = Mapping[str, Sequence[Sequence[Broken]]]
"""By fault, then run, then window: the checks that began to alert."""
Delayed: TypeAlias = tuple[str, Sequence[int | None]]
"""A fault in words, and the windows until an alert in each run; None: there was none."""


def of_rows(limits: project.MonitorPart) -> frozenset[str]:
    """The faults that are kept for all windows, as checks of whole rows are tested by them."""
    asked = {
        faults.FLIP: limits.outcome_psi > 0,
        faults.SWAPPED: limits.pattern_moved > 0,
        faults.LITTLE: limits.told_apart > 0,
        faults.STOPPED: feed.oldest_us(limits) > 0,
        faults.REPEATED: limits.duplicates > 0,
    }
    return frozenset({_SHIFT, faults.CONCEPT, *(name for name, yes in asked.items() if yes)})


class BackTest:
    """Collects, over repetitions, the windows until each column's own checks alert.

    A fault is put into all columns at once, and each column is then judged beside the others as they were without it:
    so one copy of the traffic tests every check, and no column's fault helps to believe another's.
    """

    def __init__(self, signature: Signature, traffic: Traffic, random: numpy.random.Generator) -> None:
        self._signature = signature
        self._fields = {field.name: field for field in signature.features}
        self._moved, self._nulls, self._stuck = faults.everywhere(signature.features, traffic)
        self._random = random
        self._keys: list[Key] = []
        self._delays: dict[Key, list[int | None]] = {}

    def add(self, draw: Callable[[], Traffic], before: judge.Known, spec: project.Project) -> None:
        """One repetition, with windows that `draw` gives."""
        self._keys = [(each.measure, each.column) for each in judge.findings(draw(), before, self._signature, spec)]
        asked = {self._fault(key) for key in self._keys if self._of_column(key)}
        for fault in (each for each in (self._moved, self._nulls, self._stuck) if each in asked):
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
        own = [key for key in self._keys if self._of_column(key) and self._fault(key) is fault]
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

    def _fault(self, key: Key) -> faults.Fault:
        return {_MISSING: self._nulls, _CONSTANT: self._stuck}.get(key[0], self._moved)

    def monitors(
        self, quiet: Sequence[Broken], seen: Seen, touched: Mapping[str, frozenset[str]], window_days: int
    ) -> list[drill.Monitor]:
        """The checks; `quiet`: what began to alert in each quiet window; `seen`: the same under each fault, by run;
        `touched`: the columns of each fault."""
        return [self._monitor(key, quiet, self._delayed(key, seen, touched), window_days) for key in self._keys]

    def _delayed(self, key: Key, seen: Seen, touched: Mapping[str, frozenset[str]]) -> Delayed:
        if self._of_column(key):
            return self._by_column(key, key[1] or "")
        if key[1] in self._fields and key[1] not in touched.get(_SHIFT, ()):
            return "", ()
        return self._by_rows(key, seen)

    def _monitor(
        self,
        key: Key,
        quiet: Sequence[Broken],
        delayed: Delayed,
        window_days: int,
    ) -> drill.Monitor:
        fault, delays = delayed
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

    def _by_column(self, key: Key, column: str) -> Delayed:
        field = self._fields[column]
        if key[0] == _MISSING and not field.nullable:
            return "nulls, which the scorer refuses", [1] * len(self._delays[key])
        fault = self._fault(key)
        return faults.words_for_moved(field) if fault is self._moved else fault.what, self._delays[key]

    def _by_rows(self, key: Key, seen: Seen) -> Delayed:
        name = _BY.get(key[0], faults.CONCEPT)
        if name not in seen:
            return "", ()
        return name, [next((at for at, each in enumerate(run, 1) if key in each), None) for run in seen[name]]

    def _of_column(self, key: Key) -> bool:
        """Whether a check hangs on its own feature alone; what a feature adds, or comes out, hangs on others, too."""
        return key[1] in self._fields and key[0] != contributions.MEASURE
