"""A month of a model with 50 columns from its stored hours and days: how long its merge takes, and how large it is."""

import tempfile
import time
from pathlib import Path
from statistics import median

import msgspec
import numpy

from podium.core import reference, window
from podium.core.signature import Task
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import hours, parts, samples
from podium.monitor.checks import store as rows
from podium.monitor.checks.summary import Summary
from podium.store import migrate
from podium.store.database import Database

DAYS = 30
ROWS_AN_HOUR = 1_000
NUMBERS, WORDS = 40, 10
_HOUR_US = 3_600_000_000
_REPEATS = 9


def month() -> dict[str, float]:
    """Of a month from 10:00 to 10:00: `merge_ms` and `merge_cpu_ms` from days and hours as a window is read (database,
    decoding, merging, as a summary), `hours_cpu_ms` the same from every hour, and `hour_kb` for each stored hour."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'podium.db'}")
        migrate.upgrade(database)
        try:
            return _measure(database)
        finally:
            database.close()


def _measure(database: Database) -> dict[str, float]:
    random = numpy.random.default_rng(3)
    before = _reference(random)
    whose = rows.Address(project="bench", endpoint="bench", version=1)
    size = 0
    for day in range(DAYS + 1):
        made = [_hour(random, before) for _ in range(24)]
        whole = parts.merge(made)
        kept = [_kept(rows.HOUR, day * 24 + hour, one) for hour, one in enumerate(made)]
        with database.write() as connection:
            rows.keep_summaries(connection, whose, [*kept, _kept(rows.DAY, day * 24, whole)])
        size += sum(len(body) for _, body in kept)
    span = window.Window(10 * _HOUR_US, (DAYS * 24 + 10) * _HOUR_US)
    wall, cpu, every = [], [], []
    for _ in range(_REPEATS):
        begun, used = time.perf_counter(), time.process_time()
        with database.read() as connection:
            found = hours.read(connection, whose, span)
        one = parts.unpack(parts.merge(found), before)
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
        begun = time.process_time()
        with database.read() as connection:
            read = [parts.decode(body) for _, body in rows.read_summaries(connection, whose, rows.HOUR, span)]
        other = parts.unpack(parts.merge(read), before)
        every.append(time.process_time() - begun)
        if one.rows != DAYS * 24 * ROWS_AN_HOUR or any(
            each.counts != other.numeric[name].counts for name, each in one.numeric.items()
        ):
            raise RuntimeError("the two ways to the month do not agree")
    return {
        "merge_ms": median(wall) * 1000,
        "merge_cpu_ms": median(cpu) * 1000,
        "hours_cpu_ms": median(every) * 1000,
        "hour_kb": size / (DAYS + 1) / 24 / 1000,
    }


def _kept(length: int, hour: int, part: parts.Part) -> tuple[rows.Kept, bytes]:
    return rows.Kept(hours=length, start_us=hour * _HOUR_US, rows=part.rows, stamp=0), parts.encode(part)


def _reference(random: numpy.random.Generator) -> reference.Reference:
    return reference.Reference(
        rows=20_000,
        numeric={f"n{place}": references.detailed(random.normal(size=20_000)) for place in range(NUMBERS)},
        categorical={f"w{place}": references.categorical(_words(random, 20_000)) for place in range(WORDS)},
        score=references.detailed(random.random(20_000)),
        metrics={},
        cost_per_row=None,
    )


def _words(random: numpy.random.Generator, count: int) -> references.Objects:
    return numpy.array([f"word-{place}" for place in range(20)], dtype=object)[random.integers(0, 20, count)]


def _hour(random: numpy.random.Generator, before: reference.Reference) -> parts.Part:
    score = random.random(ROWS_AN_HOUR)
    values = {name: random.normal(size=ROWS_AN_HOUR) for name in before.numeric}
    made = Summary(
        rows=ROWS_AN_HOUR,
        numeric={name: histogram.numeric(values[name], each) for name, each in before.numeric.items()},
        categorical={
            name: histogram.categorical(_words(random, ROWS_AN_HOUR), each) for name, each in before.categorical.items()
        },
        score=histogram.numeric(score, before.score),
        labels=score_labels.summarise((random.random(ROWS_AN_HOUR) < score).astype(float), score, Task.BINARY),
        as_of_us=0,
    )
    return msgspec.structs.replace(parts.pack(made, before), sample=samples.take(values, ROWS_AN_HOUR))
