"""Alarms on data that did not move, and on data that did: shares of windows, over many repetitions."""

from collections.abc import Callable

import numpy
import pyarrow

from benches.check import memory
from podium.measures.comparison.finding import Rule, State

COLUMNS = 50
SIZES = (100, 1_000, 10_000, 100_000)
KINDS = ("normal", "lognormal", "20 categories", "200 categories")
SHIFT = 0.25
Heard = Callable[[float, str], None]


def column(random: numpy.random.Generator, kind: str, rows: int) -> pyarrow.Array:
    """A column of independent rows."""
    if kind == "normal":
        return pyarrow.array(random.standard_normal(rows))
    if kind == "lognormal":
        return pyarrow.array(numpy.exp(random.standard_normal(rows)))
    levels = int(kind.split()[0])
    codes = random.integers(0, levels, rows, dtype=numpy.int32)
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(codes), [f"level {level}" for level in range(levels)])


def table(random: numpy.random.Generator, kind: str, rows: int) -> dict[str, pyarrow.Array]:
    """Fifty such columns."""
    return {f"column_{place:02}": column(random, kind, rows) for place in range(COLUMNS)}


def repeated(repetitions: int, size: int) -> int:
    """How often a window of a size is made: the largest are rare, as one is ten million values."""
    return repetitions if size < SIZES[-1] else max(1, repetitions // 5)


def quiet(repetitions: int, heard: Heard, sizes: tuple[int, ...] = SIZES) -> dict[str, dict[str, float]]:
    """By kind and size of both sides: the share of windows with any alarm when nothing moved."""
    found: dict[str, dict[str, float]] = {}
    for at, kind in enumerate(KINDS):
        for size in sizes:
            random = numpy.random.default_rng([7, at, size])
            heard(0.0, f"{kind}, {size:,} rows, without drift")
            alarms = [_alarms(random, kind, size) for _ in range(repeated(repetitions, size))]
            found.setdefault(kind, {})[str(size)] = float(numpy.mean(alarms))
            heard(1.0, f"{float(numpy.mean(alarms)):.2%}")
    return found


def _alarms(random: numpy.random.Generator, kind: str, size: int) -> bool:
    before, now = (memory.Table(table(random, kind, size)) for _ in range(2))
    return memory.compare(before, now, Rule()).state is State.ALARM


def shifted(repetitions: int, rows: int = 1_000) -> dict[str, float]:
    """A shift of a quarter of a deviation, by who moved and how large the reference is: the share of windows found.

    `one_of_50`: that one column alarms; `all`: any does.
    """
    return {
        "one_of_50, reference of 1,000 rows": _found(repetitions, rows, rows, 1),
        "one_of_50, reference of 10,000 rows": _found(repetitions, 10 * rows, rows, 1),
        "all_50, reference of 1,000 rows": _found(repetitions, rows, rows, COLUMNS),
    }


def _found(repetitions: int, before_rows: int, rows: int, moved: int) -> float:
    random = numpy.random.default_rng([8, before_rows, moved])
    found = 0
    for _ in range(repetitions):
        before, now = table(random, "normal", before_rows), table(random, "normal", rows)
        for name in list(now)[:moved]:
            now[name] = pyarrow.array(now[name].to_numpy() + SHIFT)
        done = memory.compare(memory.Table(before), memory.Table(now), Rule())
        states = {each.column: each.state for each in done.columns}
        found += states["column_00"] is State.ALARM if moved == 1 else done.state is State.ALARM
    return found / repetitions
