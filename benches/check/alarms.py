"""Alarms on data that did not move, and on data that did: shares of windows, over many repetitions."""

import collections
import concurrent.futures
import multiprocessing
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy
import pyarrow

from benches.check import memory
from podium.measures.comparison.finding import Rule, State

COLUMNS = 50
SIZES = (100, 1_000, 10_000, 100_000)
KINDS = ("normal", "lognormal", "20 categories", "200 categories")
SHIFT = 0.25


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


class Cell(NamedTuple):
    """One kind of window: how many were looked at, in how many something alarmed, and what, by measure."""

    kind: str
    size: int
    windows: int
    alarms: int
    by: dict[str, int]

    @property
    def share(self) -> float:
        return self.alarms / self.windows


def quiet(repetitions: int, seed: int) -> Iterator[Cell]:
    """Windows in which nothing moved, by kind and size of both sides; cells side by side, the largest first."""
    cells = [(repetitions, seed, at, size) for size in reversed(SIZES) for at in range(len(KINDS))]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        for done in concurrent.futures.as_completed([pool.submit(_cell, *each) for each in cells]):
            yield done.result()


def _cell(repetitions: int, seed: int, at: int, size: int) -> Cell:
    random = numpy.random.default_rng([seed, at, size])
    alarms, by = 0, collections.Counter[str]()
    for _ in range(repetitions):
        found = _alarms(random, KINDS[at], size)
        alarms += bool(found)
        by.update(found)
    return Cell(KINDS[at], size, repetitions, alarms, dict(by))


def _alarms(random: numpy.random.Generator, kind: str, size: int) -> set[str]:
    """The measures that alarm."""
    before, now = (memory.Table(table(random, kind, size)) for _ in range(2))
    done = memory.compare(before, now, Rule())
    looked = [*zip(done.whole, done.whole_states, strict=True)]
    looked += [pair for each in done.columns for pair in zip(each.findings, each.states, strict=True)]
    return {str(finding.measure) for finding, state in looked if state is State.ALARM}


def shifted(repetitions: int, seed: int, rows: int = 1_000) -> dict[str, float]:
    """A shift of a quarter of a deviation, by who moved and how large the reference is: the share of windows found.

    `one_of_50`: that one column alarms; `all`: any does.
    """
    return {
        "one_of_50, reference of 1,000 rows": _found(repetitions, seed, (rows, rows), 1),
        "one_of_50, reference of 10,000 rows": _found(repetitions, seed, (10 * rows, rows), 1),
        "all_50, reference of 1,000 rows": _found(repetitions, seed, (rows, rows), COLUMNS),
    }


def _found(repetitions: int, seed: int, sizes: tuple[int, int], moved: int) -> float:
    before_rows, rows = sizes
    random = numpy.random.default_rng([seed, before_rows, moved])
    found = 0
    for _ in range(repetitions):
        before, now = table(random, "normal", before_rows), table(random, "normal", rows)
        for name in list(now)[:moved]:
            now[name] = pyarrow.array(now[name].to_numpy() + SHIFT)
        done = memory.compare(memory.Table(before), memory.Table(now), Rule())
        states = {each.column: each.state for each in done.columns}
        found += states["column_00"] is State.ALARM if moved == 1 else done.state is State.ALARM
    return found / repetitions
