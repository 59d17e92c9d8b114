"""What each peer's script does: read the pairs of files it is given, look at each, say how many columns alarm."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas


def main(look: Callable[[pandas.DataFrame, pandas.DataFrame], list[int]]) -> None:
    """Two files; or folders, with reference-*.parquet and now-*.parquet in each, whose first pairs are looked at first.

    After every pair a line says the alarms of each window so far, by folder: who is stopped has not looked in vain.
    """
    found: dict[str, list[int]] = {}
    for name, before, now in _pairs(sys.argv[1:]):
        found.setdefault(name, []).extend(look(pandas.read_parquet(before), pandas.read_parquet(now)))
        sys.stdout.write(json.dumps({"alarms": found}) + "\n")
        sys.stdout.flush()


def _pairs(given: list[str]) -> list[tuple[str, Path, Path]]:
    if not Path(given[0]).is_dir():
        return [("files", Path(given[0]), Path(given[1]))]
    every = [(one.name, one) for folder in given for one in Path(folder).glob("reference-*")]
    return [
        (one.parent.name, one, one.with_name(name.replace("reference", "now")))
        for name, one in sorted(every, key=lambda each: (each[0], given.index(str(each[1].parent))))
    ]
