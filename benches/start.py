"""How long a model in a process of its own takes to start once its environment is there, beside what its language takes
alone to import what the model needs, and to read it.

`python -m benches start [--repeats N] [--page P]`. The bar: one second more than that. `--page` writes the figures into
a Markdown page, between the marks of that name.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benches.shadow import options, written
from podium.bundle import read
from podium.bundle.engines import place
from podium.bundle.engines.python import environment
from podium.bundle.runtime import Runtime
from podium.cli.bench import folder, kinds, machine, model, tables
from podium.core.rollout import Durability
from podium.scoring import cache

BAR_S = 1.0


def compare(repeats: int = 5) -> dict[str, Any]:
    """By kind, in seconds: the first start, which makes the environment; later ones and what the language takes alone,
    in turn (medians).
    """
    made = model.make()
    with tempfile.TemporaryDirectory(prefix="podium-start-") as named:
        where = place.Place(folder=Path(named) / "engines")
        return {
            name: _started(Path(named) / name, kind.make(made, ""), where, alone, repeats)
            for name, alone in _ALONE.items()
            for kind in kinds.ALL
            if kind.name == name and (not kind.program or shutil.which(kind.program))
        }


Alone = Callable[[Path, place.Place], list[str]]
"""Of a bundle's folder and where environments are: a command that imports, reads the model, and ends."""


def _started(at: Path, made: model.Model, where: place.Place, alone: Alone | None, repeats: int) -> dict[str, Any]:
    folder.prepare(at, [made], Durability.DURABLE)
    kept = cache.Cache(at)
    (path,) = kept.rollout_files().values()
    digest = cache.read_signed(path).rollout().routes[0].digest
    bundle = kept.bundle(digest)
    first = _seconds(lambda: _start(bundle, digest, where))
    command = [] if alone is None else alone(bundle, where)
    starts, others = [], []
    for _ in range(repeats):
        starts.append(_seconds(lambda: _start(bundle, digest, where)))
        if command:
            others.append(_seconds(lambda: subprocess.run(command, check=True, cwd=bundle, capture_output=True)))
    later = statistics.median(starts)
    language = statistics.median(others) if others else None
    more = None if language is None else later - language
    return {
        "first_s": round(first, 2),
        "later_s": round(later, 3),
        "alone_s": None if language is None else round(language, 3),
        "more_s": None if more is None else round(more, 3),
        "holds": None if more is None else more <= BAR_S,
    }


def _start(bundle: Path, digest: str, where: place.Place) -> None:
    """Until it answers its golden rows."""
    runtime = Runtime(bundle, read.verify(bundle, digest), where)
    try:
        runtime.check_golden()
    finally:
        runtime.close()


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _python(bundle: Path, where: place.Place) -> list[str]:
    version = ".".join(map(str, sys.version_info[:2]))
    interpreter = environment.ensure(where.folder, version, (bundle / "requirements.txt").read_bytes())
    return [str(interpreter), "-c", "import pickle; pickle.load(open('model.pkl', 'rb'))"]


_ALONE: dict[str, Alone | None] = {
    "python": _python,
    "r": lambda _bundle, _where: ["Rscript", "--vanilla", "-e", "readRDS('model.rds')"],
    "pmml": None,
}
"""Nothing but the evaluator itself reads PMML."""
_JUDGED = {True: "pass", False: "miss", None: "–"}


def table(found: dict[str, Any]) -> tables.Table:
    """The figures as people read them."""
    titles = {kind.name: f"{kind.title}: {kind.content}" for kind in kinds.ALL}
    rows = [
        (
            titles[name],
            *("–" if each[by] is None else f"{each[by]:.2f}" for by in ("first_s", "later_s", "alone_s", "more_s")),
            _JUDGED[each["holds"]],
        )
        for name, each in found.items()
    ]
    columns = ("", "first start, s", "later starts, s", "import and reading alone, s", "more, s", f"≤ {BAR_S:g}")
    return tables.Table("The start of a model in a process of its own", columns, rows)


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 0 when the bar holds everywhere."""
    given = options("start").parse_args(arguments)
    del given.seconds  # each takes as long as it takes
    on = machine.describe()
    found = compare(given.repeats)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    if given.page:
        written("start", given, table(found), on)
    return 1 if any(each["holds"] is False for each in found.values()) else 0
