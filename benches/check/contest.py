"""The peers: how long each takes for two files, and in how many quiet windows it alarms under its defaults."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy
import pyarrow
import pyarrow.parquet

from benches.check import alarms, child, environments

SIZES = (1_000, 10_000)
Keep = Callable[[], None]
"""Writes down what was found so far, so that a peer that dies takes no other's figures with it."""


def timed(peer: environments.Peer, folder: Path, files: Sequence[Path], limit_s: float) -> dict[str, Any]:
    """A peer's time and memory for two files; `ended` is false when it was stopped, `said` why it has no figure."""
    python = environments.python_of(peer, folder)
    if python is None:
        return {"s": None, "peak_mb": None, "said": "cannot be installed"}
    done = _run([str(python), str(peer.script), *map(str, files)], limit_s)
    if isinstance(done, str):
        return {"s": None, "peak_mb": None, "said": done}
    found: dict[str, Any] = {
        "s": done.wall_s,
        "cpu_s": done.cpu_s,
        "peak_mb": done.peak_mb,
        "ended": done.ended and done.code == 0,
        "exact": peer.exact,
    }
    if not done.ended:
        found["said"] = f"stopped after {limit_s:.0f} s of processor time"
    elif done.code:
        found |= {"s": None, "said": done.said[-300:]}
    return found


def write_pairs(folder: Path, repetitions: int, seed: int) -> list[Path]:
    """The windows that all peers look at, a folder for each kind and size: `kind, rows`."""
    made = []
    for at, kind in enumerate(alarms.KINDS):
        for size in SIZES:
            place = folder / f"{kind}, {size}"
            place.mkdir(parents=True, exist_ok=True)
            random = numpy.random.default_rng([seed, at, size])
            for number in range(repetitions):
                for side in ("reference", "now"):
                    pyarrow.parquet.write_table(_plain(random, kind, size), place / f"{side}-{number:03}.parquet")
            made.append(place)
    return made


def _plain(random: numpy.random.Generator, kind: str, size: int) -> pyarrow.Table:
    columns = alarms.table(random, kind, size)
    return pyarrow.table(
        {
            name: each.cast(pyarrow.string()) if pyarrow.types.is_dictionary(each.type) else each
            for name, each in columns.items()
        }
    )


def alarmed(
    peer: environments.Peer, folder: Path, places: Sequence[Path], limit_s: float
) -> dict[str, dict[str, tuple[int, int]]]:
    """By kind and size: windows with an alarm, of windows that the peer looked at within its time; one process."""
    python = environments.python_of(peer, folder)
    done = (
        "cannot be installed" if python is None else _run([str(python), str(peer.script), *map(str, places)], limit_s)
    )
    if isinstance(done, str):
        sys.stderr.write(f"{peer.name}: {done}\n")
        return {}
    lines = [line for line in done.said.splitlines() if line.startswith('{"alarms"') and line.endswith("}")]
    if not lines:
        sys.stderr.write(f"{peer.name}: {done.said[-300:]}\n")
        return {}
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for name, counts in msgspec.json.decode(lines[-1])["alarms"].items():
        kind, _, size = name.rpartition(", ")
        found.setdefault(kind, {})[size] = (sum(count > 0 for count in counts), len(counts))
    return found


def _run(command: list[str], limit_s: float) -> child.Measured | str:
    try:
        return child.run(command, limit_s=limit_s)
    except OSError as problem:
        return f"cannot be started: {problem.strerror}"
