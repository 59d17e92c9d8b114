"""The page about faults: what must hold, and what the last full run measured.

`make faults` leaves its results in `.podium/faults/results.json`; `python -m tools.faults` puts them, with this machine
described, into `docs/reference/faults.json`, from which `make docs` writes the page. Other result files may be given.
"""

import importlib.util
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools import markdown

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / ".podium" / "faults" / "results.json"
KEPT = ROOT / "docs" / "reference" / "faults.json"
_INTRODUCTION = """\
# Faults

What the scorer promises when something breaks, and what was measured. Each line is a test in `tests/faults`, with real
processes, real clients and an exact account of what was answered; `make test` runs a short form, `make faults` the full
one. A line holds when nothing in it failed.
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
    """What was measured, and where."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def page() -> str:
    """Every line with its last measured run."""
    known = kept()
    rows = []
    for name, line in lines().items():
        found = known["lines"].get(name)
        if found is None:
            rows.append((line.fault, f"0 of {line.full}", line.must, "not measured yet", ""))
            continue
        fewer = "" if found["trials"] == line.full else f" (of {line.full})"
        unit = "" if line.unit == "trials" else f" {line.unit}"
        holds = "yes" if found["held"] else "**no**"
        rows.append((line.fault, f"{found['trials']:,}{unit}{fewer}", line.must, found["measured"], holds))
    heads = ("fault", "trials", "must hold", "measured", "holds")
    return "\n".join([_INTRODUCTION, markdown.table(heads, rows), f"Measured on {known['machine']}."])


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


def merge(paths: list[Path]) -> dict[str, Any]:
    """Of each line the run with the most trials."""
    best: dict[str, Any] = {}
    for path in paths:
        for name, found in json.loads(path.read_text(encoding="utf-8")).items():
            if found["trials"] >= best.get(name, found)["trials"]:
                best[name] = found
    return {"machine": machine(), "lines": best}


def main(arguments: list[str]) -> None:
    """Keep the results of the last full run, or those in the files that are named."""
    found = merge([Path(each) for each in arguments] or [RESULTS])
    KEPT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
