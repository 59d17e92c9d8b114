"""Rehearses the rules: many quiet windows for their false alarms, then each fault, many times, for its delay."""

import collections
import statistics
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy

from podium.bundle.explain import explainer
from podium.core import drill, project, reference
from podium.core.signature import Signature
from podium.monitor.checks import outputs
from podium.monitor.drill import backtest, faults, judge, traffic
from podium.monitor.drill.judge import Broken
from podium.monitor.drill.traffic import Traffic

_QUIET = 8
"""Quiet windows judged in each repetition."""
_NAMED = 3


class Setting(NamedTuple):
    """What is rehearsed: rows, whose rules, and how scores are made of changed features."""

    rows: Traffic
    signature: Signature
    spec: project.Project
    predict: faults.Predict
    window_days: int
    trained: reference.Reference
    """What the version's training left: how far quiet windows differ."""
    native: explainer.Native | None = None
    """What tells what features add to scores; None where no rule asks for it."""


class Quiet(NamedTuple):
    """What rules said of traffic without a fault."""

    windows: int
    alarms: int
    by: tuple[str, ...]


class Rehearsed(NamedTuple):
    """What a rehearsal found: of all rules together, and of each check by itself."""

    quiet: Quiet
    faults: list[drill.Faulted]
    monitors: list[drill.Monitor]


def run(setting: Setting, wanted: drill.DrillRequest, tell: Callable[[float, str], None]) -> Rehearsed:
    """Rehearse. Each repetition makes its reference of half of the days and its windows of the other half, so that a
    window never holds a row of its reference. `tell` hears how far it is, from 0 to 1."""
    days = traffic.days(setting.rows)
    random = numpy.random.default_rng(wanted.seed)
    ranked = faults.ranked(setting.rows, setting.signature, setting.predict, random)
    plan = faults.plan(ranked, setting.rows)
    tested = backtest.BackTest(setting.signature, setting.rows, numpy.random.default_rng([wanted.seed, 1]))
    quiet: list[Broken] = []
    seen: dict[str, list[list[Broken]]] = {fault.name: [] for fault in plan}
    own = {fault.name: numpy.random.default_rng([wanted.seed, *fault.name.encode()]) for fault in plan}
    for number in range(wanted.repetitions):
        tell(number / wanted.repetitions, f"repetition {number + 1} of {wanted.repetitions}")
        one = _Repetition(setting, days, random)
        quiet += one.opened(_QUIET)
        for fault in plan:
            seen[fault.name].append([] if fault.refused else one.under(fault, own[fault.name]))
        tested.add(one.draw, one.known, setting.spec)
    return Rehearsed(
        Quiet(windows=len(quiet), alarms=sum(bool(each) for each in quiet), by=_names(quiet)),
        [_faulted(fault, seen[fault.name]) for fault in plan],
        tested.monitors(quiet, seen, {fault.name: fault.columns for fault in plan}, setting.window_days),
    )


class _Repetition:
    """One split of the days: a reference, and windows drawn from the other half."""

    def __init__(self, setting: Setting, days: list[traffic.Places], random: numpy.random.Generator) -> None:
        self._setting = setting
        self._random = random
        before, self._days = traffic.halves(setting.rows, days, random)
        rows = setting.rows.take(numpy.concatenate(before))
        trained = judge.reference_of(rows, setting.signature, setting.spec, setting.trained, setting.native)
        known = judge.Known(trained, None)
        if setting.window_days == 1:  # the days of longer windows hold every weekday
            apart = [setting.rows.take(each) for each in before]
            known = judge.by_season(apart, trained, setting.signature, setting.spec)
        self.known = known._replace(native=setting.native)

    def opened(self, count: int) -> Iterator[Broken]:
        """The checks that begin to alert in each of `count` quiet windows."""
        limits = self._setting.spec.monitor
        history: list[Broken] = [self._judge(self.draw()) for _ in range(limits.last_windows() - 1)]
        standing: Broken = frozenset()
        for _ in range(count):
            history.append(self._judge(self.draw()))
            now = judge.alerting(history, limits)
            yield now - standing
            standing = now

    def under(self, fault: faults.Fault, random: numpy.random.Generator) -> list[Broken]:
        """What alerts that did not before, by faulty window; up to the first with an alert, or for all of them where
        the fault is one by which checks of whole rows are back-tested. `random`: the fault's own, so that no other
        fault changes what is drawn."""
        setting, limits = self._setting, self._setting.spec.monitor
        history = [self._judge(self.draw(random)) for _ in range(limits.last_windows())]
        standing = judge.alerting(history, limits)
        found: list[Broken] = []
        for _ in range(backtest.FAULTY):
            rows = fault.put(self.draw(random), random)
            scored = msgspec.structs.replace(rows, score=setting.predict(rows.features))
            answered = numpy.flatnonzero(numpy.isfinite(scored.top))  # the scorer refuses rows without an answer
            history.append(self._judge(scored.take(answered)))
            found.append(
                _related(judge.alerting(history, limits) - standing, fault, outputs.names(setting.signature.labels))
            )
            if found[-1] and fault.name not in backtest.of_rows(limits):
                break
        return found

    def draw(self, random: numpy.random.Generator | None = None) -> Traffic:
        """A window's rows."""
        return traffic.window(self._setting.rows, self._days, self._setting.window_days, random or self._random)

    def _judge(self, rows: Traffic) -> Broken:
        return judge.broken(judge.findings(rows, self.known, self._setting.signature, self._setting.spec))


def _related(found: Broken, fault: faults.Fault, outputs_: frozenset[str]) -> Broken:
    """The checks that speak of the fault: of its columns, or of scores and outcomes as a whole; `outputs_`: the columns
    of what comes out beside the score."""
    return frozenset(each for each in found if each[1] is None or each[1] in fault.columns or each[1] in outputs_)


def _faulted(fault: faults.Fault, seen: list[list[Broken]]) -> drill.Faulted:
    """Checks that alert together are one alarm, as one alert tells them."""
    firsts = [1 if fault.refused else next((at for at, each in enumerate(one, 1) if each), None) for one in seen]
    delays = [each for each in firsts if each is not None]
    first = (next((each for each in one if each), frozenset()) for one in seen)
    return drill.Faulted(
        fault=fault.name,
        what=fault.what,
        runs=len(seen),
        detected=len(delays),
        delay=statistics.median(delays) if delays else None,
        by=("refused by the scorer",) if fault.refused else _names(first),
    )


def _names(found: Iterable[Broken]) -> tuple[str, ...]:
    counts = collections.Counter(
        f"{column} {measure}" if column else measure for one in found for measure, column in one
    )
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    return tuple(ordered[:_NAMED])
