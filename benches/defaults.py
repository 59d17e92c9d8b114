"""From what the rules' defaults were chosen: false alarms against faults found, for a few candidates of each."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import msgspec
import numpy

from benches.check import child
from benches.limits import files, flights, graded, looked, page, still, swept, wandering
from podium.cli.bench import machine
from podium.core import project
from podium.monitor.drill import faults, rehearse


def main(arguments: Sequence[str]) -> int:
    """Sweep, and write what was found as JSON, and as a page with that JSON beside it."""
    parser = argparse.ArgumentParser("benches defaults", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=12, help="of quiet sequences and of each fault")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=child.ROOT / ".podium" / "bench" / "defaults.json")
    parser.add_argument("--page", type=Path, help="write the page and its figures, such as docs/reference/defaults.md")
    asked = parser.parse_args(list(arguments))
    found = measure(asked.repetitions, asked.seed)
    written = _written(found)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_bytes(written)
    if asked.page is not None:
        asked.page.with_suffix(".json").write_bytes(written)
        asked.page.write_text(page.markdown(found), encoding="utf-8")
    return 0


def measure(repetitions: int, seed: int) -> dict[str, Any]:
    """All tables."""
    begun = process_time()
    described = msgspec.to_builtins(machine.describe())
    tables = [*_on_flights(repetitions, seed), *_on_still(repetitions, seed)]
    _say("features that wander")
    tables += [*wandering.tables(2 * repetitions, seed), *_on_files(repetitions, seed)]
    return {
        "machine": described,
        "repetitions": repetitions,
        "seed": seed,
        "cpu_s": round(process_time() - begun),
        "tables": tables,
    }


def _written(found: dict[str, Any]) -> bytes:
    """As JSON, a candidate a line."""
    tables = []
    for each in found["tables"]:
        rows = b",\n  ".join(msgspec.json.encode(row) for row in each["rows"])
        rest = msgspec.json.encode({name: value for name, value in each.items() if name != "rows"})
        tables.append(rest[:-1] + b',"rows":[\n  ' + rows + b"]}")
    rest = msgspec.json.encode({name: value for name, value in found.items() if name != "tables"})
    return rest[:-1] + b',"tables":[\n ' + b",\n ".join(tables) + b"\n]}\n"


def _limits() -> project.MonitorPart:
    """The limits of today, where every window has enough rows to be looked at."""
    return msgspec.structs.replace(swept.limits_of_today(), min_rows=1)


def _on_flights(repetitions: int, seed: int) -> list[dict[str, Any]]:
    setting, later = flights.flights_of(_limits())
    ranked = faults.ranked(setting.rows, setting.signature, setting.predict, numpy.random.default_rng(seed))
    put = graded.of_flights(setting.signature, ranked, setting.rows)
    whole = _look(setting, put, repetitions, seed)._replace(after=looked.after(setting._replace(rows=later)))
    tables = list(swept.of_flights(looked.Judge(whole)))
    some = [each for each in put if each.name in swept.MIN_ROWS_FAULTS]
    plain = setting._replace(native=None)
    sizes = {
        size: looked.Judge(_look(plain, some, repetitions // 2, seed, size)) for size in swept.candidates("min_rows")
    }
    return [*tables, swept.of_sizes(sizes, "flights", swept.MIN_ROWS_FAULTS)]


def _on_still(repetitions: int, seed: int) -> list[dict[str, Any]]:
    setting = still.setting(_limits())
    put = graded.shift(still.MOVES, (0.25, 0.5, 1.0), setting.rows)
    known = {size: looked.Judge(_look(setting, put, repetitions, seed, size)) for size in swept.STILL_SIZES}
    names = ("drift_psi", "score_psi", swept.RATE)
    return [swept.of_still(known[size], size, name) for name in names for size in known]


def _on_files(repetitions: int, seed: int) -> list[dict[str, Any]]:
    quiet = 12 * repetitions
    _say(f"pairs of tables, {swept.FILES_ROWS} rows")
    whole = files.look(swept.FILES_ROWS, repetitions, quiet, seed, swept.FILES_CHANGES)
    fewer = []
    for rows in swept.FILES_FEWER:
        _say(f"pairs of tables, {rows} rows")
        fewer.append(files.look(rows, repetitions, quiet // 2, seed, swept.FILES_FEWER_CHANGES))
    return [*swept.of_files(whole), swept.of_file_sizes([*fewer, whole])]


def _look(
    setting: rehearse.Setting, put: Sequence[faults.Fault], repetitions: int, seed: int, rows: int | None = None
) -> looked.Looked:
    return looked.look(setting, put, repetitions, seed, rows, _say, swept.EXPLAINED)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
