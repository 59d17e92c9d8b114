"""What explanations cost those who wait for scores, and how many a scorer gives: one scorer, asked for them in turn and
not, under the same load of scoring.

`python -m benches explain [--seconds S] [--repeats N] [--json] [--page P]`. The bar: p99 of scoring ≤ 1.2 times that
without, by the median of pairs; where the middle half of the pairs lies is told beside it. `--page` writes the figures
into a Markdown page, between the marks of that name.
"""

import math
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benches.shadow import BAR, options, written
from podium.bundle import columns
from podium.bundle.export import explanation, frame
from podium.cli.bench import machine, measure, model, podium_scorer, process, tables, work
from podium.core.rollout import Durability

CONNECTIONS = (1, 8, 64)
ASKING = 4
_ROWS = 10


def compare(seconds: float = 0.7, repeats: int = 15) -> dict[str, Any]:
    """By connections of scoring: its p99 with explanations asked for over that without (medians of pairs), each way's
    own, and rows explained a second meanwhile.
    """
    made = _explained(model.make())
    with (
        tempfile.TemporaryDirectory(prefix="podium-explain-") as place,
        podium_scorer.serving(Path(place), [made], Durability.DURABLE) as server,
    ):
        one = work.make(made, podium_scorer.path(), 1, work.oip_json, work.read_podium)
        needles = measure.prove(server, one)
        some = work.oip_json(made.values(0, _ROWS))._replace(path=podium_scorer.path().replace("/infer", "/explain"))
        answer = measure.fetch(server, work.raw(some))
        if b'"trees"' not in answer:
            raise RuntimeError(answer[-300:].decode(errors="replace"))
        return {f"c{count}": _pairs(server, one, needles, some, count, seconds, repeats) for count in CONNECTIONS}


def _explained(made: model.Model) -> model.Model:
    """The model with the files of its explanation."""
    rows = frame.table(made.signature, made.rows)
    proof = explanation.Rows(rows, made.expected, made.parity.tolerance)
    training = columns.take(rows, slice(0, 1000))
    written = explanation.write(made.estimator, made.signature, training, proof)
    if not written.files:
        raise RuntimeError(written.reason)
    return msgspec.structs.replace(made, files=made.files | written.files)


def _pairs(
    server: process.Process,
    one: work.Work,
    needles: Sequence[bytes],
    some: work.Body,
    connections: int,
    seconds: float,
    repeats: int,
) -> dict[str, Any]:
    p99: dict[bool, list[float]] = {True: [], False: []}
    explained = []
    for repeat in range(repeats):
        for asking in (repeat % 2 == 0, repeat % 2 == 1):  # neither always comes first
            with _asking(server, some, ASKING if asking else 0) as asked:
                p99[asking].append(measure.load(server, one, needles, connections, seconds).p99_us)
            if asking:
                explained.append(asked.rows_per_s())
    return judged(p99[True], p99[False]) | {"explained_rows_per_s": round(statistics.median(explained), 1)}


def judged(given: Sequence[float], without: Sequence[float]) -> dict[str, Any]:
    """Of pairs of p99 in microseconds, with and without explanations: the ratios' median, and where their middle half
    lies.
    """
    ratios = [one / other for one, other in zip(given, without, strict=True)]
    quarters = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return {
        "p99_with_over_without": round(quarters[1], 3),
        "middle_half": [round(quarters[0], 3), round(quarters[2], 3)],
        "p99_us": {"with": round(statistics.median(given), 1), "without": round(statistics.median(without), 1)},
        "holds": quarters[1] <= BAR,
    }


class _Asked:
    """What callers got, and for how long they asked."""

    def __init__(self, many: int) -> None:
        self.counted = [0] * many
        self._begun = time.monotonic()
        self._ended = math.nan

    def end(self) -> None:
        self._ended = time.monotonic()

    def rows_per_s(self) -> float:
        """Over the whole time that they asked, in which the load starts and warms up, too."""
        return sum(self.counted) * _ROWS / (self._ended - self._begun)


@contextmanager
def _asking(server: process.Process, some: work.Body, many: int) -> Iterator[_Asked]:
    """So many callers ask for explanations, one after the other."""
    stop = threading.Event()
    asked = _Asked(many)

    def ask(at: int) -> None:
        while not stop.is_set():
            asked.counted[at] += measure.status(server, some) == 200

    asking = [threading.Thread(target=ask, args=(at,)) for at in range(many)]
    for each in asking:
        each.start()
    try:
        yield asked
    finally:
        stop.set()
        for each in asking:
            each.join()
        asked.end()


def table(found: dict[str, Any]) -> tables.Table:
    """The figures as people read them."""
    rows = [
        (
            count.removeprefix("c"),
            *(tables.number(each["p99_us"][way] / 1000) for way in ("without", "with")),
            tables.number(each["p99_with_over_without"]),
            " to ".join(map(tables.number, each["middle_half"])),
            tables.number(each["explained_rows_per_s"]),
            "pass" if each["holds"] else "miss",
        )
        for count, each in found.items()
    ]
    columns = (
        "connections of scoring",
        "p99 ms without",
        "with",
        "with over without",
        "middle half of the pairs",
        "rows explained a second meanwhile",
        f"≤ {BAR:g}",
    )
    return tables.Table("Explanations asked for beside scores", columns, rows)


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 0 when the bar holds everywhere."""
    given = options("explain").parse_args(arguments)
    on = machine.describe()
    found = compare(given.seconds, given.repeats)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    if given.page:
        written("explain", given, table(found), on)
    return 0 if all(each["holds"] for each in found.values()) else 1
