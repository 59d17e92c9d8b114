"""What all processes on one port have counted, told by whichever is asked.

Each process writes its metrics to a file once a second. What a process that died had counted stays in the sums, as a
sum that falls would look like a restart of them all.
"""

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

FOLDER = "workers"
_SUFFIX, _ENDED, _NEW = ".prom", ".ended", ".new"
_SUMMED = ("counter", "histogram")
_SUMMED_GAUGES = frozenset(
    {
        "http_server_active_requests",
        "podium_explanations_waiting",
        "podium_log_rows_waiting",
        "podium_shadow_rows_waiting",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
    }
)
"""Gauges that add up over processes; of the others the largest is told."""


def clear(folder: Path) -> None:
    """Forget those of an earlier start."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


class Siblings:
    """The files. `number`: which of the processes this one is; -1: the only one, which has no siblings."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder / FOLDER
        self._number = number
        if number >= 0:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._inherit()

    def write(self, own: bytes) -> None:
        """Tell the others."""
        if self._number >= 0:
            _replace(self._own, own)

    def together(self, own: bytes) -> bytes:
        """The metrics of all."""
        if self._number < 0:
            return own
        others = [_read(path) for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if path != self._own]
        ended = [_read(path) for path in sorted(self._folder.glob(f"*{_ENDED}"))]
        return merge([own, *others], ended)

    @property
    def _own(self) -> Path:
        return self._folder / f"{self._number}{_SUFFIX}"

    def _inherit(self) -> None:
        """Keep what this process's predecessor had counted."""
        last = _read(self._own)
        if last:
            ended = self._own.with_suffix(_ENDED)
            _replace(ended, merge([last], [_read(ended)]))
            self._own.unlink(missing_ok=True)


def merge(living: Iterable[bytes], ended: Iterable[bytes] = ()) -> bytes:
    """One text of many. Of `ended` processes only what adds up over time counts."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, dict[str, float]] = {}
    for texts, alive in ((living, True), (ended, False)):
        for text in texts:
            _add(text, heads, samples, alive=alive)
    lines = []
    for name, head in heads.items():
        lines += head
        lines += [f"{sample} {_number(value)}" for sample, value in samples[name].items()]
    return ("\n".join(lines) + "\n").encode()


def _add(text: bytes, heads: dict[str, list[str]], samples: dict[str, dict[str, float]], *, alive: bool) -> None:
    name = kind = ""
    for line in text.decode().splitlines():
        if line.startswith("#"):
            _, what, name, rest = (*line.split(" ", 3), "")[:4]
            kind = rest if what == "TYPE" else kind
            head = heads.setdefault(name, [])
            if line not in head and len(head) < 2:
                head.append(line)
            samples.setdefault(name, {})
        elif line and (alive or kind in _SUMMED):
            sample, _, value = line.rpartition(" ")
            known = samples[name].get(sample)
            if known is None:
                samples[name][sample] = float(value)
            elif kind in _SUMMED or name in _SUMMED_GAUGES:
                samples[name][sample] = known + float(value)
            else:
                samples[name][sample] = max(known, float(value))


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _replace(path: Path, text: bytes) -> None:
    """Whole or not at all; a disk that refuses costs a second's figures only."""
    new = path.with_suffix(_NEW + path.suffix)
    with contextlib.suppress(OSError):
        new.write_bytes(text)
        new.rename(path)
