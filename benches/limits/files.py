"""The floors of `podium check`: pairs of tables looked at once by its own code, judged under any rule afterwards."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
import numpy
import numpy.typing
import pyarrow

from benches.check import alarms, memory
from podium.measures.comparison import together
from podium.measures.comparison.finding import Finding, Measure, Rule, State

Table: TypeAlias = dict[str, pyarrow.Array]
FLOOR_OF = {
    Measure.DRIFT: "effect",
    Measure.MISSING: "missing",
    Measure.UNSEEN: "unseen",
    Measure.RANGE: "outside",
    Measure.PATTERN: "pattern",
    Measure.APART: "apart",
}
_BEFORE = 10_000
_TIED = 0.8
"""The correlation of columns that move together."""
FIRST, WORD = "normal_00", "word_00"


def table(random: numpy.random.Generator, rows: int) -> Table:
    """Fifty columns: ten normal, ten lognormal, ten tied in pairs, ten each of 20 and of 200 categories."""
    made = {f"normal_{place:02}": alarms.column(random, "normal", rows) for place in range(10)}
    made |= {f"lognormal_{place:02}": alarms.column(random, "lognormal", rows) for place in range(10)}
    for place in range(0, 10, 2):
        one = random.standard_normal(rows)
        two = _TIED * one + (1 - _TIED**2) ** 0.5 * random.standard_normal(rows)
        made |= {f"tied_{place:02}": pyarrow.array(one), f"tied_{place + 1:02}": pyarrow.array(two)}
    for place in range(20):
        kind = "20 categories" if place < 10 else "200 categories"
        made[f"word_{place:02}"] = alarms.column(random, kind, rows)
    return made


Change: TypeAlias = Callable[[Table, numpy.random.Generator], Table]


def _numbers(made: Table, name: str) -> numpy.typing.NDArray[numpy.float64]:
    return numpy.asarray(made[name].to_numpy(zero_copy_only=False))


def _shift(size: float) -> Change:
    return lambda made, _random: made | {FIRST: pyarrow.array(_numbers(made, FIRST) + size)}


def _all_shift(size: float) -> Change:
    return lambda made, _random: (
        made
        | {name: pyarrow.array(_numbers(made, name) + size) for name in made if name.startswith(("normal", "tied"))}
    )


def _nulls(share: float) -> Change:
    return lambda made, random: (
        made | {FIRST: pyarrow.array(_numbers(made, FIRST), mask=random.random(len(made[FIRST])) < share)}
    )


def _unseen(share: float) -> Change:
    def put(made: Table, random: numpy.random.Generator) -> Table:
        words = numpy.array(made[WORD].to_pylist(), dtype=object)
        words[random.random(words.size) < share] = "never seen before"
        return made | {WORD: pyarrow.array(words.tolist())}

    return put


def _beyond(share: float) -> Change:
    def put(made: Table, random: numpy.random.Generator) -> Table:
        values = _numbers(made, FIRST)
        return made | {FIRST: pyarrow.array(numpy.where(random.random(values.size) < share, 9.0, values))}

    return put


def _untied(pairs: int) -> Change:
    """Columns whose pairs do not move together any more: no column changes by itself."""

    def put(made: Table, random: numpy.random.Generator) -> Table:
        names = [f"tied_{2 * pair:02}" for pair in range(pairs)]
        return made | {name: pyarrow.array(random.permutation(_numbers(made, name))) for name in names}

    return put


CHANGES: Mapping[str, Change] = {
    "0.1σ": _shift(0.1),
    "0.25σ": _shift(0.25),
    "0.5σ": _shift(0.5),
    "all 0.1σ": _all_shift(0.1),
    "all 0.2σ": _all_shift(0.2),
    "nulls 1%": _nulls(0.01),
    "nulls 3%": _nulls(0.03),
    "nulls 10%": _nulls(0.1),
    "new 0.5%": _unseen(0.005),
    "new 2%": _unseen(0.02),
    "new 5%": _unseen(0.05),
    "beyond 0.5%": _beyond(0.005),
    "beyond 2%": _beyond(0.02),
    "2 pairs untied": _untied(2),
    "5 pairs untied": _untied(5),
}
"""What is put into the second table."""


class Looked(NamedTuple):
    """What was found in pairs of tables of so many rows now, by what was put in; `quiet`: nothing."""

    rows: int
    quiet: list[list[Finding]]
    changed: dict[str, list[list[Finding]]]


def look(rows: int, repetitions: int, quiet: int, seed: int, changes: Sequence[str]) -> Looked:
    """Pairs of tables: 10,000 rows before (as many as now, where that is more), `rows` now; `quiet`: pairs in which
    nothing moved, `repetitions`: those of each change."""
    random = numpy.random.default_rng([seed, rows])
    found = Looked(rows, [], {name: [] for name in changes})
    found.quiet.extend(_findings(random, rows, None) for _ in range(quiet))
    for name in changes:
        found.changed[name].extend(_findings(random, rows, CHANGES[name]) for _ in range(repetitions))
    return found


def _findings(random: numpy.random.Generator, rows: int, change: Change | None) -> list[Finding]:
    before, now = table(random, max(_BEFORE, rows)), table(random, rows)
    if change is not None:
        now = change(now, random)
    done = memory.compare(memory.Table(before), memory.Table(now), Rule(min_rows=1))
    return [*done.whole, *(each for column in done.columns for each in column.findings)]


def alarming(found: Sequence[Finding], rule: Rule, rows: int) -> list[Finding]:
    """What alarms under a rule; nothing where there are fewer rows than it asks for."""
    if rows < rule.min_rows:
        return []
    floors = [
        msgspec.structs.replace(each, floor=getattr(rule, FLOOR_OF[each.measure])) if each.measure in FLOOR_OF else each
        for each in found
    ]
    return [each for each, state in zip(found, together.states(floors, rule), strict=True) if state is State.ALARM]


class Told(NamedTuple):
    """Of all quiet pairs those with an alarm, of any measure and of the one looked at; by change the pairs found."""

    quiet: int
    alarms: int
    own: int
    found: Mapping[str, tuple[int, int]]


def told(looked: Looked, rule: Rule, own: Measure | None) -> Told:
    """`own`: only alarms of this measure count for changes; None: of any."""

    def counts(found: Sequence[Finding]) -> bool:
        return any(own is None or each.measure is own for each in alarming(found, rule, looked.rows))

    quiet = [alarming(each, rule, looked.rows) for each in looked.quiet]
    return Told(
        quiet=len(quiet),
        alarms=sum(bool(each) for each in quiet),
        own=sum(any(own is None or one.measure is own for one in each) for each in quiet),
        found={name: (sum(counts(each) for each in pairs), len(pairs)) for name, pairs in looked.changed.items()},
    )
