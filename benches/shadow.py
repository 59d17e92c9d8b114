"""What a shadow costs those who wait for answers: one scorer, driven in turn with a shadow in its rollout and without.

`python -m benches shadow [--seconds S] [--repeats N] [--json] [--page P]`. The bar: p99 with a shadow ≤ 1.2 times that
without. `--page` writes the figures into a Markdown page, between the marks of that name.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from podium.bundle import read, signing, write
from podium.cli.bench import folder, machine, measure, model, page, podium_scorer, process, tables, work
from podium.core import digest, rollout
from podium.core.rollout import Durability, RouteRole
from podium.scoring import cache

BAR = 1.2
CONNECTIONS = (1, 8, 64)
_KEY = signing.make(bytes(range(32)))
"""As the benchmark's folders trust."""
_ADOPTED_S = 20.0
_WARM_S = 0.2
_ENDED_S = 2.0
"""Within that the process of a shadow that is gone has ended."""


def compare(seconds: float = 0.7, repeats: int = 15, say: Callable[[str], None] = lambda _text: None) -> dict[str, Any]:
    """By connections: p50 and p99 with a shadow over those without (medians of pairs), answers likewise, and what the
    shadow scored and dropped. Resident memory of all processes at the end, each way.
    """
    with tempfile.TemporaryDirectory(prefix="podium-shadow-") as place:
        made = model.make()
        with podium_scorer.serving(Path(place), [made], Durability.DURABLE) as server:
            stage = _Stage(Path(place) / "scorer", made, server)
            one = work.make(made, podium_scorer.path(), 1, work.oip_json, work.read_podium)
            needles = measure.prove(server, one)
            return {
                **{
                    f"c{count}": _pairs(stage, one, needles, count, seconds=seconds, repeats=repeats, say=say)
                    for count in CONNECTIONS
                },
                "memory_mb": {way: stage.memory_mb(one, needles, shadow=way == "with") for way in ("without", "with")},
            }


class _Stage:
    """A running scorer whose rollout gets a shadow, and loses it again."""

    def __init__(self, place: Path, made: model.Model, server: process.Process) -> None:
        self.server = server
        self._kept = cache.Cache(place)
        (path,) = self._kept.rollout_files().values()
        self._document = cache.read_signed(path).rollout()
        champion = self._document.routes[0]
        other = msgspec.structs.replace(read.load_manifest(self._kept.bundle(champion.digest)), source="shadow")
        named = write.seal(other, made.files)[0]
        write.write(self._kept.bundle(named), other, made.files)
        self._shadow = msgspec.structs.replace(
            champion, role=RouteRole.SHADOW, version=2, digest=named, weight=0.0, approvals=()
        )

    def set(self, *, shadow: bool) -> None:
        """Serve with or without it from now on, with nothing left for it to do."""
        champion = self._document.routes[0]
        number = self._document.number + 1
        self._document = msgspec.structs.replace(
            self._document,
            number=number,
            routes=(champion, self._shadow) if shadow else (champion,),
            created_us=self._document.created_us + 1,
        )
        body = digest.canonical(self._document)
        signed = rollout.Signed(
            body=body, signature=signing.sign(_KEY, body), key_id=signing.key_id(signing.public(_KEY))
        )
        self._kept.save_rollout(folder.ENDPOINT, signed)
        deadline = time.monotonic() + _ADOPTED_S
        while self.metric("podium_rollout_number") != number:
            if time.monotonic() > deadline:
                raise TimeoutError("the rollout was not adopted")
            time.sleep(0.05)

    def begin(self, one: work.Work, needles: Sequence[bytes]) -> None:
        """Ask some: then the shadow's process has started, and has nothing left to do."""
        measure.load(self.server, one, needles, max(CONNECTIONS), _WARM_S)
        self.settle()

    def memory_mb(self, one: work.Work, needles: Sequence[bytes], *, shadow: bool) -> float:
        """Of the scorer and its helpers, once they have scored and have nothing left to do."""
        self.set(shadow=shadow)
        self.begin(one, needles)
        time.sleep(_ENDED_S)
        return round(self.server.memory_mb(), 1)

    def settle(self) -> None:
        """Wait until the shadow has nothing left to do."""
        deadline = time.monotonic() + _ADOPTED_S
        while self.metric("podium_shadow_rows_waiting"):
            if time.monotonic() > deadline:
                raise TimeoutError("the shadow still works on what it was given before")
            time.sleep(0.05)

    def said(self) -> tuple[float, float]:
        """Rows that the shadow has scored, and that were dropped."""
        return self.metric("podium_predictions_total", 'role="shadow"'), self.metric("podium_shadow_dropped_total")

    def metric(self, name: str, having: str = "") -> float:
        """The sum of a metric's series whose labels hold that text."""
        request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        text = measure.fetch(self.server, request).decode()
        found = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for labels, value in found if having in labels)


def _pairs(
    stage: _Stage,
    one: work.Work,
    needles: Sequence[bytes],
    connections: int,
    *,
    seconds: float,
    repeats: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    ratios: dict[str, list[float]] = {"p50": [], "p99": [], "rps": []}
    with_p99, without_p99 = [], []
    scored = dropped = 0.0
    for repeat in range(repeats):
        found: dict[bool, measure.Figures] = {}
        for shadow in (repeat % 2 == 0, repeat % 2 == 1):  # neither always comes first
            say(
                f"{connections} connections, pair {repeat + 1} of {repeats}, {'with' if shadow else 'without'} a shadow"
            )
            stage.set(shadow=shadow)
            stage.begin(one, needles)
            before = stage.said()
            found[shadow] = measure.load(stage.server, one, needles, connections, seconds)
            stage.settle()
            after = stage.said()
            scored, dropped = scored + after[0] - before[0], dropped + after[1] - before[1]
        ratios["p50"].append(found[True].p50_us / found[False].p50_us)
        ratios["p99"].append(found[True].p99_us / found[False].p99_us)
        ratios["rps"].append(found[True].rps / found[False].rps)
        with_p99.append(found[True].p99_us)
        without_p99.append(found[False].p99_us)
    return {
        **{f"{name}_with_over_without": round(statistics.median(values), 3) for name, values in ratios.items()},
        "p99_us": {
            "with": round(statistics.median(with_p99), 1),
            "without": round(statistics.median(without_p99), 1),
        },
        "shadow_rows": int(scored),
        "dropped_rows": int(dropped),
        "holds": statistics.median(ratios["p99"]) <= BAR,
    }


def written(name: str, given: argparse.Namespace, table: tables.Table, on: machine.Machine) -> None:
    """Put a table of figures, and what they were measured on, between the marks of that name on the page."""
    about = tables.machine({"machine": msgspec.to_builtins(on), "run": vars(given)})
    text = page.replaced(given.page.read_text(encoding="utf-8"), name, f"{page.written(table)}\n{about}\n")
    given.page.write_text(text, encoding="utf-8")


def options(name: str) -> argparse.ArgumentParser:
    """What may be asked of a benchmark that compares with and without."""
    parser = argparse.ArgumentParser(prog=f"python -m benches {name}")
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="Nothing but the figures; they are always JSON.")
    parser.add_argument("--page", type=Path, help="A Markdown page to write the figures into.")
    return parser


def table(found: dict[str, Any]) -> tables.Table:
    """The figures as people read them."""
    rows = [
        (
            count.removeprefix("c"),
            *(tables.number(each["p99_us"][way] / 1000) for way in ("without", "with")),
            tables.number(each["p99_with_over_without"]),
            tables.number(each["rps_with_over_without"]),
            f"{each['shadow_rows']:,}",
            f"{each['dropped_rows']:,}",
            "pass" if each["holds"] else "miss",
        )
        for count, each in by_connections(found).items()
    ]
    columns = (
        "connections",
        "p99 ms without",
        "with",
        "with over without",
        "answers, likewise",
        "rows the shadow scored",
    )
    memory = found["memory_mb"]
    title = f"A shadow beside the champion (memory {memory['without']:.0f} MB without, {memory['with']:.0f} MB with)"
    return tables.Table(title, (*columns, "dropped", f"≤ {BAR:g}"), rows)


def by_connections(found: dict[str, Any]) -> dict[str, Any]:
    """The part of what was found that has a line for each number of connections."""
    return {name: each for name, each in found.items() if name != "memory_mb"}


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _silent(_text: str) -> None:
    """For machines that read."""


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 0 when the bar holds everywhere."""
    given = options("shadow").parse_args(arguments)
    on = machine.describe()
    found = compare(given.seconds, given.repeats, _silent if given.json else _say)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    if given.page:
        written("shadow", given, table(found), on)
    return 0 if all(each["holds"] for each in by_connections(found).values()) else 1
