"""What explanations cost those who wait for scores, and how many a scorer gives: one scorer, asked for them in turn and
not, under the same load of scoring.

`python -m benches explain [--seconds S] [--repeats N] [--json] [--page P]`. The bar: p99 of scoring ≤ 1.2 times that
without. `--page` writes the figures into a Markdown page, between the marks of that name.
"""

import statistics
import sys
import tempfile
import threading
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

CONNECTIONS = (1, 8)
ASKING = 4
_ROWS = 10


def compare(seconds: float = 2.0, repeats: int = 5) -> dict[str, Any]:
    """By connections of scoring: its p99 with explanations asked for over that without (medians of pairs), and rows
    explained a second meanwhile.
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
    ratios, explained = [], []
    for repeat in range(repeats):
        p99 = {}
        for asking in (repeat % 2 == 0, repeat % 2 == 1):
            with _asking(server, some, ASKING if asking else 0) as counted:
                p99[asking] = measure.load(server, one, needles, connections, seconds).p99_us
            if asking:
                explained.append(sum(counted) * _ROWS / seconds)
        ratios.append(p99[True] / p99[False])
    ratio = statistics.median(ratios)
    return {
        "p99_with_over_without": round(ratio, 3),
        "explained_rows_per_s": round(statistics.median(explained), 1),
        "holds": ratio <= BAR,
    }


@contextmanager
def _asking(server: process.Process, some: work.Body, many: int) -> Iterator[list[int]]:
    """So many callers ask for explanations, one after the other; how many each got."""
    stop = threading.Event()
    counted = [0] * many

    def ask(at: int) -> None:
        while not stop.is_set():
            counted[at] += measure.status(server, some) == 200

    asking = [threading.Thread(target=ask, args=(at,)) for at in range(many)]
    for each in asking:
        each.start()
    try:
        yield counted
    finally:
        stop.set()
        for each in asking:
            each.join()


def table(found: dict[str, Any]) -> tables.Table:
    """The figures as people read them."""
    rows = [
        (
            count.removeprefix("c"),
            tables.number(each["p99_with_over_without"]),
            tables.number(each["explained_rows_per_s"]),
            "pass" if each["holds"] else "miss",
        )
        for count, each in found.items()
    ]
    columns = ("connections of scoring", "p99, with over without", "rows explained a second meanwhile", f"≤ {BAR:g}")
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
