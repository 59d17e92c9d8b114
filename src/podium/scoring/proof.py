"""A version proves itself in another process before this one loads it: what crashes, hangs or is slow ends there.

An engine that breaks while it loads would otherwise take all endpoints of the scorer with it, and again at each start.
A bundle that proved itself is noted by its digest, and is not asked again by the same Podium.
"""

import contextlib
import logging
import threading
from pathlib import Path

import msgspec

from podium.core import bundle, digest
from podium.core.errors import Refused
from podium.scoring import proving
from podium.version import VERSION

_LOG = logging.getLogger("podium.scorer")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a version may cost here. `proven`: the folder of notes; without one every load is proven anew."""

    bytes: int = 4 * 1024**3
    row_seconds: float = 1.0
    """For one row by itself, the fastest of three."""
    load_seconds: float = 120.0
    """To load and to answer the golden rows."""
    proven: Path | None = None


def check_size(manifest: bundle.Manifest, limits: Limits) -> None:
    """`Refused` when the bundle's files are larger than this scorer takes; asked before they are fetched."""
    total = sum(file.bytes for file in manifest.files)
    if total > limits.bytes:
        raise Refused(
            f"The bundle is too big: {total:,} bytes; this scorer takes at most {limits.bytes:,}.",
            field="files",
            fix="Make the model smaller, or raise PODIUM_BUNDLE_LIMIT.",
        )


class Proofs:
    """Asks one process about many versions; for a thread that asks while another waits for an answer it starts one
    more, so that a version that hangs holds up no other."""

    def __init__(self) -> None:
        self._idle: list[proving.Prover] = []
        self._lock = threading.Lock()

    def prove(self, folder: Path, named: str, limits: Limits) -> None:
        """Have the bundle loaded elsewhere, and its golden rows scored; `Refused` with the reason when that fails."""
        note = None if limits.proven is None else limits.proven / digest.check(named).removeprefix(digest.PREFIX)
        if note is not None and note.is_file() and note.read_text(errors="replace") == VERSION:
            return
        said = self._said(proving.Asked(folder=str(folder), digest=named, row_seconds=limits.row_seconds), limits)
        if said.message is not None:
            raise Refused(said.message, field=said.field, fix=said.fix)
        if note is not None:
            with contextlib.suppress(OSError):  # then it is proven again at the next start
                note.parent.mkdir(parents=True, exist_ok=True)
                note.write_text(VERSION)

    def rest(self) -> None:
        """No more are to be proven for now: processes that are asked nothing end."""
        with self._lock:
            ending, self._idle = self._idle, []
        for each in ending:
            each.close()

    def _said(self, asked: proving.Asked, limits: Limits) -> proving.Said:
        """What is found. Who fails in a process that had others before is asked again in one of his own."""
        with self._lock:
            prover = self._idle.pop() if self._idle else None
        if prover is not None and prover.good:
            with contextlib.suppress(proving.Ended, proving.Late):
                said = prover.ask(asked, limits.load_seconds)
                if said.message is None:
                    self._keep(prover)
                    return said
        if prover is not None:
            prover.close()
        prover = proving.Prover()
        try:
            said = prover.ask(asked, limits.load_seconds)
        except proving.Late:
            slow = f"The version is too slow: it does not load and answer golden rows in {limits.load_seconds:g} s."
            return proving.Said(message=slow, field=bundle.GOLDEN)
        except proving.Ended as ended:
            _LOG.warning("a version broke while it was loaded: %s", ended.told)
            how = f"by signal {-ended.code}" if ended.code < 0 else f"with status {ended.code}"
            return proving.Said(
                message=f"The engine breaks when it loads this version: its process ended {how}.", field="engine"
            )
        self._keep(prover)
        return said

    def _keep(self, prover: proving.Prover) -> None:
        with self._lock:
            self._idle.append(prover)
