"""The process that explains, apart from the one that scores and below it in priority. It ends with its standard input.

Run as a module. It reads one request after the other and answers each; what fails is answered too.
"""

import os
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from podium.bundle import read, runtime
from podium.bundle.explain import explainer
from podium.scoring import pipe
from podium.scoring.explain import answering, frames

_NICE = 19
_MOST_BUNDLES = 4


class _Bundles:
    """The last few bundles, loaded."""

    def __init__(self) -> None:
        self._known: dict[str, answering.Known] = {}

    def get(self, version: frames.Version) -> answering.Known:
        found = self._known.pop(version.digest, None)
        if found is None:
            folder = Path(version.folder)
            model = runtime.Runtime(folder, read.verify(folder, version.digest))
            found = answering.Known(model, explainer.Explainer(folder, model))
        self._known[version.digest] = found
        while len(self._known) > _MOST_BUNDLES:
            self._known.pop(next(iter(self._known))).model.close()
        return found


def main(asked: BinaryIO, told: BinaryIO) -> None:
    """Answer until there is nothing more to read."""
    os.nice(_NICE)
    known = _Bundles()
    while len(head := asked.read(pipe.HEAD)) == pipe.HEAD:
        question = msgspec.msgpack.decode(asked.read(pipe.length(head)), type=frames.Ask)
        told.write(pipe.pack(answering.answer(question, known.get)))
        told.flush()


if __name__ == "__main__":
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    main(sys.stdin.buffer, out)
