"""How much memory a family of processes holds, sampled from the kernel."""

import os
import threading
from pathlib import Path

_EVERY_S = 0.5
_KB = 1024


class MemoryWatch:
    """Samples the memory of this process and all its descendants; `peak_mb` is the largest sum seen.

    Each process counts with its proportional share (PSS): a page that several hold counts once in the sum.
    """

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="memory-watch")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self.peak_mb = max(self.peak_mb, family_mb(os.getpid()))


def family_mb(root: int) -> float:
    """Megabytes in memory of a process and its descendants; 0 where the kernel has no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines() if ":" in line)
        except (OSError, ValueError):
            continue
        pid = int(entry.name)
        children.setdefault(int(status["PPid"]), []).append(pid)
    total, queue = 0, [root]
    while queue:
        pid = queue.pop()
        total += _share_kb(pid)
        queue.extend(children.get(pid, []))
    return total / _KB


def _share_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
