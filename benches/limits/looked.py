"""Windows with and without faults, looked at once by the monitor's own code, and judged under any limits afterwards.

What a check measures, and how likely that is by chance, hangs on no limit: so the windows of a sweep are the same for
all candidates, and two of them differ by nothing but what was asked.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
import numpy

from podium.core import project, run
from podium.core.check import CheckKind, CheckState
from podium.monitor.checks import evaluate, finding
from podium.monitor.checks.finding import Finding
from podium.monitor.drill import faults, judge, rehearse, traffic
from podium.monitor.drill.judge import Broken

BEFORE, QUIET, FAULTY = 3, 8, 4
"""Quiet windows before a sequence, and windows in one without and with a fault."""
LIMIT_OF = {
    "psi": "drift_psi",
    "missing_rate": "missing_rate",
    "new_categories": "new_categories",
    "out_of_range": "out_of_range",
    "vanished": "vanished",
    "contribution": "contribution_moved",
}
"""By measure: the limit in `[monitor]` that its value may not exceed."""


class Run(NamedTuple):
    """Windows that came one after the other: what was found in each."""

    before: list[list[Finding]]
    windows: list[list[Finding]]
    touched: frozenset[str]
    """The features that a fault touches."""


class Looked(NamedTuple):
    """All that was looked at: quiet sequences, those under each fault, and the weeks as they came."""

    quiet: list[Run]
    faulty: dict[str, list[Run]]
    after: list[list[Finding]] = []  # noqa: RUF012 - never changed
    """Weeks as they came after training, against training itself: what changes in them changed."""


class Ask(NamedTuple):
    """One candidate: limits and the rate of false discoveries."""

    limits: project.MonitorPart
    rate: float = finding.FALSE_DISCOVERIES


def look(
    setting: rehearse.Setting,
    wanted: Sequence[faults.Fault],
    repetitions: int,
    seed: int,
    rows: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
    explained: Container[str] = (),
) -> Looked:
    """Each repetition makes its reference of half of the days, and its windows of the others, as a drill does.

    `rows`: so many of each window, drawn from all of it; None: all. What features add to scores, which takes the most
    time, is looked at in quiet windows and under the faults that are `explained`.
    """
    days = traffic.days(setting.rows)
    found = Looked([], {fault.name: [] for fault in wanted})
    for number in range(repetitions):
        tell(f"repetition {number + 1} of {repetitions}, {rows or 'all'} rows")
        random = numpy.random.default_rng([seed, number])
        one, two = traffic.halves(setting.rows, days, random)
        trained = judge.reference_of(
            setting.rows.take(numpy.concatenate(one)), setting.signature, setting.spec, setting.trained, setting.native
        )
        windows = _Windows(setting, judge.Known(trained, None, setting.native), two, rows)
        plain = _Windows(setting, judge.Known(trained, None, None), two, rows)
        found.quiet.append(windows.sequence(None, QUIET, random))
        for fault in wanted:
            own = numpy.random.default_rng([seed, number, *fault.name.encode()])
            looking = windows if fault.name in explained else plain
            found.faulty[fault.name].append(looking.sequence(fault, FAULTY, own))
    return found


def after(setting: rehearse.Setting) -> list[list[Finding]]:
    """Each whole window of the traffic as it came, against what training left."""
    days, length = traffic.days(setting.rows), setting.window_days
    known = judge.Known(setting.trained, None, setting.native)
    weeks = (numpy.concatenate(days[at : at + length]) for at in range(0, len(days) - length + 1, length))
    return [judge.findings(setting.rows.take(each), known, setting.signature, setting.spec) for each in weeks]


class _Windows:
    """Windows of one repetition, drawn and looked at."""

    def __init__(
        self, setting: rehearse.Setting, known: judge.Known, days: list[traffic.Places], rows: int | None
    ) -> None:
        self._setting, self._known, self._days, self._rows = setting, known, days, rows

    def sequence(self, fault: faults.Fault | None, count: int, random: numpy.random.Generator) -> Run:
        before = [self._look(None, random) for _ in range(BEFORE)]
        windows = [self._look(fault, random) for _ in range(count)]
        return Run(before, windows, frozenset() if fault is None else fault.columns)

    def _look(self, fault: faults.Fault | None, random: numpy.random.Generator) -> list[Finding]:
        setting = self._setting
        drawn = traffic.window(setting.rows, self._days, setting.window_days, random)
        if self._rows is not None and self._rows < drawn.count:
            drawn = drawn.take(numpy.sort(random.choice(drawn.count, self._rows, replace=False)))
        if fault is not None:
            drawn = fault.put(drawn, random)
            drawn = msgspec.structs.replace(drawn, score=setting.predict(drawn.features))
            drawn = drawn.take(numpy.flatnonzero(numpy.isfinite(drawn.score)))
        return judge.findings(drawn, self._known, setting.signature, setting.spec)


def sure(found: Sequence[Finding], rate: float) -> list[Finding]:
    """Those that would be broken if their effect were over the limit: what is left once chance is ruled out."""
    over = [msgspec.structs.replace(each, over=True) for each in found]
    return [
        each
        for each, state in zip(found, finding.states(over, rate), strict=True)
        if state is CheckState.BROKEN and each.value is not None
    ]


def broken(found: Sequence[Finding], limits: project.MonitorPart) -> Broken:
    """Which of those that are sure are over these limits."""
    return frozenset((each.measure, each.column) for each in found if _over(each, limits))


def _over(each: Finding, limits: project.MonitorPart) -> bool:
    if each.kind in (CheckKind.PERFORMANCE, CheckKind.COST):
        return _worse(each, limits)
    if each.measure == "constant":
        return limits.constant and each.over
    name = "score_psi" if each.kind is CheckKind.SCORE_DRIFT else LIMIT_OF.get(each.measure)
    if name is None:
        return each.over
    limit = getattr(limits, name)
    usual = each.reference or 0.0 if each.measure == "missing_rate" else 0.0
    return limit > 0 and each.value is not None and each.value > usual + limit


def _worse(each: Finding, limits: project.MonitorPart) -> bool:
    """Of a loss, or of cost: less is better."""
    share = limits.performance_drop if each.kind is CheckKind.PERFORMANCE else limits.cost_rise
    if share <= 0 or each.value is None or each.low is None or each.high is None or each.reference is None:
        return False
    limit = each.reference + share * abs(each.reference)
    measured = run.Interval(value=each.value, low=each.low, high=each.high, rows=each.rows)
    return evaluate.of_estimate(each.kind, each.measure, measured, each.reference, limit, -1.0, each.rows).over


Own: TypeAlias = Callable[[str, str | None], bool]
"""Whether the check of a measure and column is one of those asked for."""


class Told(NamedTuple):
    """What a candidate makes of all that was looked at."""

    windows: int
    """Quiet ones."""
    alarms: int
    """Of them, those in which an alert opened."""
    own: int
    """… by a check that was asked for."""
    found: Mapping[str, tuple[int, float | None]]
    """By fault: in how many runs it was found, and the median windows until then; by the checks asked for."""


class Judge:
    """Judges what was looked at, as often as there are candidates; which findings are sure is told once a rate."""

    def __init__(self, looked: Looked) -> None:
        self._looked = looked
        self._sure: dict[float, Looked] = {}

    def told(self, ask: Ask, own: Own) -> Told:
        """`own`: only alerts by these checks count for faults."""
        known = self._known(ask.rate)
        opened = [one for each in known.quiet for one in _opened(each, ask.limits)]
        return Told(
            windows=len(opened),
            alarms=sum(bool(each) for each in opened),
            own=sum(_any(each, own) for each in opened),
            found={
                name: _found([_delay(each, ask.limits, own) for each in runs]) for name, runs in known.faulty.items()
            },
        )

    def after(self, ask: Ask, own: Own) -> float | None:
        """How many of the checks asked for are broken in a window as it came, on average; None where none came."""
        weeks = [broken(sure(each, ask.rate), ask.limits) for each in self._looked.after]
        return sum(own(*key) for each in weeks for key in each) / len(weeks) if weeks else None

    def runs(self, fault: str) -> int:
        """How often a fault was put in."""
        return len(self._looked.faulty.get(fault, ()))

    def _known(self, rate: float) -> Looked:
        if rate not in self._sure:
            self._sure[rate] = Looked(
                [_surely(each, rate) for each in self._looked.quiet],
                {name: [_surely(each, rate) for each in runs] for name, runs in self._looked.faulty.items()},
            )
        return self._sure[rate]


def _surely(each: Run, rate: float) -> Run:
    return each._replace(
        before=[sure(one, rate) for one in each.before], windows=[sure(one, rate) for one in each.windows]
    )


def _opened(each: Run, limits: project.MonitorPart) -> Iterator[Broken]:
    history = [broken(one, limits) for one in each.before[BEFORE - limits.last_windows() + 1 :]]
    standing: Broken = frozenset()
    for one in each.windows:
        history.append(broken(one, limits))
        now = judge.alerting(history, limits)
        yield now - standing
        standing = now


def _delay(each: Run, limits: project.MonitorPart, own: Own) -> int | None:
    history = [broken(one, limits) for one in each.before]
    standing = judge.alerting(history, limits)
    for number, one in enumerate(each.windows, 1):
        history.append(broken(one, limits))
        new = judge.alerting(history, limits) - standing
        if _any(frozenset(key for key in new if key[1] is None or key[1] in each.touched), own):
            return number
    return None


def _any(opened: Broken, own: Own) -> bool:
    return any(own(*key) for key in opened)


def _found(delays: Sequence[int | None]) -> tuple[int, float | None]:
    known = [each for each in delays if each is not None]
    return len(known), float(numpy.median(known)) if known else None
