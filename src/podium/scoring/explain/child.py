"""The process that explains, apart from the one that scores and below it in priority. It ends with its standard input.

Run as a module. It reads one question after the other and answers each; an explanation that fails is an answer too.
"""

import io
import os
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa

from podium.bundle import columns, read, runtime
from podium.bundle.explain import explainer
from podium.core.errors import PodiumError
from podium.scoring.explain import frames

_NICE = 10
_MOST_BUNDLES = 4


class _Explainers:
    """Explainers by bundle digest, the last few."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[runtime.Runtime, explainer.Explainer]] = {}

    def get(self, folder: Path, digest: str) -> tuple[runtime.Runtime, explainer.Explainer]:
        found = self._known.pop(digest, None)
        if found is None:
            model = runtime.Runtime(folder, read.verify(folder, digest))
            found = (model, explainer.Explainer(folder, model))
        self._known[digest] = found
        while len(self._known) > _MOST_BUNDLES:
            oldest, _ = self._known.pop(next(iter(self._known)))
            oldest.close()
        return found


def main(asked: BinaryIO, told: BinaryIO) -> None:
    """Answer until there is nothing more to read."""
    os.nice(_NICE)
    known = _Explainers()
    while len(head := asked.read(frames.HEAD)) == frames.HEAD:
        question = msgspec.msgpack.decode(asked.read(frames.length(head)), type=frames.Ask)
        told.write(frames.pack(_answer(known, question)))
        told.flush()


def _answer(known: _Explainers, question: frames.Ask) -> frames.Tell:
    try:
        model, explains = known.get(Path(question.folder), question.digest)
        table = pa.ipc.open_stream(io.BytesIO(question.rows)).read_all()
        rows = columns.from_log(model.manifest.signature, table)
        return frames.Tell(found=explains.explain(rows, seed=question.seed))
    except PodiumError as problem:
        return frames.Tell(kind=problem.kind, message=problem.message, field=problem.field, fix=problem.fix)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    main(sys.stdin.buffer, answers)
