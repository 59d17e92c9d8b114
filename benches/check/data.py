"""The tables: 40 numeric columns with missing values, 10 of categories; the same bytes from the same seed."""

from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet

SEED = 20_130_101
NUMERIC, CATEGORIES = 40, 10
LEVELS = (2, 5, 8, 10, 12, 20, 30, 50, 100, 200)
GROUP = 1_000_000
MOVED = 8
"""Every eighth numeric column of now is shifted by 0.1 deviations."""


def write(folder: Path, rows: int) -> tuple[Path, Path]:
    """The reference and now, each a Parquet file as pyarrow writes it by default; kept when they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for side, name in enumerate(("reference", "now")):
        path = folder / f"{name}-{rows}.parquet"
        if not path.exists():
            _file(path, rows, side)
        made.append(path)
    return made[0], made[1]


def _file(path: Path, rows: int, side: int) -> None:
    random = numpy.random.default_rng([SEED, rows, side])
    new = path.with_suffix(".new")
    first = table(random, min(rows, GROUP), side)
    with pyarrow.parquet.ParquetWriter(new, first.schema) as writer:
        writer.write_table(first)
        for done in range(GROUP, rows, GROUP):
            writer.write_table(table(random, min(GROUP, rows - done), side))
    new.rename(path)


def table(random: numpy.random.Generator, rows: int, side: int) -> pyarrow.Table:
    """Rows of the reference (0) or of now (1)."""
    columns = {f"number_{place:02}": _numbers(random, rows, place, side) for place in range(NUMERIC)}
    for place, levels in enumerate(LEVELS):
        codes = (random.random(rows) ** 2 * levels).astype(numpy.int32)
        words = pyarrow.array([f"level {level}" for level in range(levels)])
        codes_or_null = pyarrow.array(codes, mask=random.random(rows) < 0.01)
        columns[f"word_{place}"] = pyarrow.DictionaryArray.from_arrays(codes_or_null, words).cast(pyarrow.string())
    return pyarrow.table(columns)


def _numbers(random: numpy.random.Generator, rows: int, place: int, side: int) -> pyarrow.Array:
    kinds = (
        random.standard_normal,
        lambda size: random.lognormal(size=size),
        lambda size: random.exponential(size=size),
        lambda size: random.standard_t(4, size=size),
        lambda size: random.uniform(-1, 1, size=size),
        lambda size: random.poisson(30, size=size).astype(numpy.float64),
    )
    values = kinds[place % len(kinds)](rows)
    if side and place % MOVED == 0:
        values = values + 0.1
    return pyarrow.array(values, mask=random.random(rows) < 0.01 * (place % 5))
