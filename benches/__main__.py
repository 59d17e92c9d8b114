"""`python -m benches [name [option …]]`: one benchmark with its options, or all of them, one after the other."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))
"""Each is a module here with `main(arguments) -> exit code`."""


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] not in NAMES:
        sys.stderr.write(f"usage: python -m benches [{'|'.join(NAMES)} [option …]]\n")
        return 2
    chosen = (arguments[0],) if arguments else NAMES
    return max(int(importlib.import_module(f"benches.{name}").main(list(arguments[1:]))) for name in chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
