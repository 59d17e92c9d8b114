"""A version proves itself in a process of its own before this one loads it: what crashes, hangs or is slow ends there.

An engine that breaks while it loads would otherwise take all endpoints of the scorer with it, and again at each start.
A bundle that proved itself is noted by its digest, and is not asked again by the same Podium.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np

from podium.bundle import columns, golden, read
from podium.bundle.runtime import Runtime
from podium.core import bundle, digest
from podium.core.errors import PodiumError, Refused, Unavailable
from podium.version import VERSION

_LOG = logging.getLogger("podium.scorer")
_TRIES = 3
_NICE = 5


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a version may cost here. `proven`: the folder of notes; without one every load is proven anew."""

    bytes: int = 4 * 1024**3
    row_seconds: float = 1.0
    """For one row by itself, the fastest of three."""
    load_seconds: float = 120.0
    """To load and to answer the golden rows."""
    proven: Path | None = None


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the process found: nothing, or why the version is refused."""

    message: str | None = None
    field: str | None = None
    fix: str | None = None


def check_size(manifest: bundle.Manifest, limits: Limits) -> None:
    """`Refused` when the bundle's files are larger than this scorer takes; asked before they are fetched."""
    total = sum(file.bytes for file in manifest.files)
    if total > limits.bytes:
        raise Refused(
            f"The bundle is too big: {total:,} bytes; this scorer takes at most {limits.bytes:,}.",
            field="files",
            fix="Make the model smaller, or raise PODIUM_BUNDLE_LIMIT.",
        )


def prove(folder: Path, named: str, limits: Limits) -> None:
    """Load the bundle in a process of its own and score its golden rows; `Refused` with the reason when that fails."""
    note = None if limits.proven is None else limits.proven / digest.check(named).removeprefix(digest.PREFIX)
    if note is not None and note.is_file() and note.read_text(errors="replace") == VERSION:
        return
    said = _asked(folder, named, limits)
    if said.message is not None:
        raise Refused(said.message, field=said.field, fix=said.fix)
    if note is not None:
        with contextlib.suppress(OSError):  # then it is proven again at the next start
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(VERSION)


def _asked(folder: Path, named: str, limits: Limits) -> _Said:
    command = [sys.executable, "-m", "podium.scoring.proof", str(folder), named, str(limits.row_seconds)]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError:
        raise Unavailable("No process can be started in which a new version would prove itself.") from None
    try:
        out, told = process.communicate(timeout=limits.load_seconds)
    except subprocess.TimeoutExpired:
        return _Said(
            message=f"The version is too slow: it does not load and answer golden rows in {limits.load_seconds:g} s.",
            field=bundle.GOLDEN,
        )
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    try:
        return msgspec.json.decode(out.splitlines()[-1] if out else b"", type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
        _LOG.warning("a version broke while it was loaded: %s", told.decode(errors="replace")[-2000:])
    code = process.returncode
    how = f"by signal {-code}" if code < 0 else f"with status {code}"
    return _Said(message=f"The engine breaks when it loads this version: its process ended {how}.", field="engine")


def _speed(runtime: Runtime, folder: Path, seconds: float) -> None:
    table, _ = golden.read(folder, runtime.manifest.signature)
    one = columns.take(table, np.arange(min(1, columns.count(table))))
    best = float("inf")
    for _ in range(_TRIES):
        begun = time.perf_counter()
        runtime.predict(one)
        best = min(best, time.perf_counter() - begun)
        if best <= seconds:
            return
    raise Refused(
        f"The version is too slow: one row takes {best:.2g} s; this scorer allows {seconds:g} s.",
        field="engine",
        fix="Make the model simpler, or raise PODIUM_ROW_SECONDS.",
    )


def main(folder: Path, named: str, row_seconds: float) -> None:
    """The process: say what was found as the last line of the output."""
    os.nice(_NICE)
    said = _Said()
    try:
        runtime = Runtime(folder, read.verify(folder, named))
        _speed(runtime, folder, row_seconds)
        runtime.check_golden()
        runtime.close()
    except PodiumError as problem:
        said = _Said(message=problem.message, field=problem.field, fix=problem.fix)
    sys.stdout.write("\n" + msgspec.json.encode(said).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
