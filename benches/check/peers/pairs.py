"""What each peer's script does: read the pairs of files it is given, look at each, say how many columns alarm."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas


def main(look: Callable[[pandas.DataFrame, pandas.DataFrame], list[int]]) -> None:
    """`FOLDER`, with reference-*.parquet and now-*.parquet in it, or the two files; prints alarms per window."""
    if len(sys.argv) == 3:
        pairs = [(Path(sys.argv[1]), Path(sys.argv[2]))]
    else:
        folder = Path(sys.argv[1])
        pairs = [(one, folder / one.name.replace("reference", "now")) for one in sorted(folder.glob("reference-*"))]
    found: list[int] = []
    for before, now in pairs:
        found += look(pandas.read_parquet(before), pandas.read_parquet(now))
        sys.stderr.write(json.dumps({"alarms": found}) + "\n")
    sys.stdout.write(json.dumps({"alarms": found}) + "\n")
