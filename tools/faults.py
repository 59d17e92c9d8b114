"""The page about faults: what must hold, and what the last full run of each line measured.

`make faults` leaves its results in `.podium/faults/results.json`; `python -m tools.faults` puts them, with this machine
described, into `docs/reference/faults.json`, from which `make docs` writes the page. Other result files may be given.
Lines that were not run again stay as they are.
"""

import importlib.util
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tools import markdown

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / ".podium" / "faults" / "results.json"
KEPT = ROOT / "docs" / "reference" / "faults.json"
_TOLD = ("held", "measured", "trials")
_INTRODUCTION = """\
# Faults

What the scorer promises when something breaks, and what was measured. Each line is a test in `tests/faults`, with real
processes, real clients and an exact account of what was answered; `make test` runs a short form, `make faults` the full
one. Bits are flipped in files that a scorer wrote or took, which its own code then reads, some of them by starting it.
A line holds when nothing in it failed.
"""


def lines() -> Mapping[str, Any]:
    """The lines of the suite, by name."""
    described = importlib.util.spec_from_file_location("fault_lines", ROOT / "tests" / "faults" / "lines.py")
    if described is None or described.loader is None:
        raise FileNotFoundError("tests/faults/lines.py")
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    found: Mapping[str, Any] = module.LINES
    return found


def kept() -> dict[str, Any]:
    """What was measured of each line, and where."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def page() -> str:
    """Every line with its last measured run, and on which machines those were."""
    known = kept()
    measured = [known["lines"][name] for name in lines() if name in known["lines"]]
    machines = list(dict.fromkeys(found["machine"] for found in measured))
    rows = []
    for name, line in lines().items():
        found = known["lines"].get(name)
        if found is None:
            rows.append((line.fault, f"0 of {line.full}", line.must, "not measured yet", "", ""))
            continue
        fewer = "" if found["trials"] == line.full else f" (of {line.full})"
        unit = "" if line.unit == "trials" else f" {line.unit}"
        holds = "yes" if found["held"] else "**no**"
        trials = f"{found['trials']:,}{unit}{fewer}"
        rows.append(
            (line.fault, trials, line.must, found["measured"], str(machines.index(found["machine"]) + 1), holds)
        )
    heads = ("fault", "trials", "must hold", "measured", "machine", "holds")
    told = "\n".join(f"{at}. {each}." for at, each in enumerate(machines, 1))
    return "\n".join([_INTRODUCTION, markdown.table(heads, rows), f"Measured on:\n\n{told}\n"])


def machine() -> str:
    """This machine in words."""
    model = "an unknown processor"
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [
            line.partition(":")[2].strip() for line in information.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    busy = os.getloadavg()[2]
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GB of memory, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load average {busy:.1f} at the end"
    )


def merge(before: Mapping[str, Any], runs: Iterable[Mapping[str, Any]], here: str) -> dict[str, Any]:
    """Of each line the run with the most trials, and of those the last: a shorter one does not take its place."""
    best: dict[str, Any] = dict(before["lines"])
    for run in runs:
        for name, found in run.items():
            if found["trials"] >= best.get(name, found)["trials"]:
                best[name] = {**{key: found[key] for key in _TOLD}, "machine": here}
    return {"lines": best}


def main(arguments: list[str]) -> None:
    """Keep the results of the last run, or those in the files that are named."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in map(Path, arguments or [str(RESULTS)])]
    before = kept()
    after = merge(before, runs, machine())
    KEPT.write_text(json.dumps(after, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for name in sorted({name for run in runs for name in run}):
        if after["lines"][name] is before["lines"].get(name):
            print(f"{name}: what is kept has more trials, so it stays. Run it at full length: make faults")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
