"""Processes under measurement: started on one core, asked for their address, their processor time and their memory."""

import os
import re
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from podium.core.errors import Unavailable

_ERROR = re.compile(r"[\w.]*(Error|Exception|Stop): ")
_TICK = os.sysconf("SC_CLK_TCK")
_STOP_S = 20.0
_START_S = 600.0


def cores() -> tuple[int, int]:
    """The core for servers and the core for the load; the same one where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[min(1, len(allowed) - 1)]


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Process:
    """A server in a process of its own, with all its children."""

    def __init__(self, made: "subprocess.Popen[bytes]", log: Path) -> None:
        self._made = made
        self._log = log
        self.host, self.port = "127.0.0.1", 0

    def listening(self) -> None:
        """Wait until it prints `… listening on http://host:port`; `Unavailable` with its last words if it ends."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            said = [line for line in self._said().splitlines() if " listening on http://" in line]
            if said:
                address = urllib.parse.urlsplit(said[0].split()[-1])
                self.host, self.port = str(address.hostname), int(address.port or 0)
                return
            if self._made.poll() is not None:
                break
            time.sleep(0.05)
        raise Unavailable(f"The server did not start: {self.last_words()}", field="server")

    def ended(self) -> bool:
        return self._made.poll() is not None

    def _said(self) -> str:
        return self._log.read_text(errors="replace")

    def last_words(self) -> str:
        """The first error that it printed, else its last line."""
        lines = [line.strip() for line in self._said().splitlines() if line.strip()]
        errors = [line for line in lines if _ERROR.match(line)]
        return (errors or lines[-1:] or ["it said nothing."])[0][:300]

    def cpu_seconds(self) -> float:
        """Processor time, user and system, of it and its descendants, also of those that ended."""
        return sum(_cpu(pid) for pid in self._family())

    def memory_mb(self) -> float:
        """Resident memory of it and its descendants, in 10^6 bytes; pages that they share count once for each."""
        return sum(_status(pid, "VmRSS") for pid in self._family()) * 1024 / 1e6

    def _family(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(path.parent.name))
        found, waiting = [], [self._made.pid]
        while waiting:
            found.append(waiting.pop())
            waiting += children.get(found[-1], [])
        return found

    def stop(self) -> None:
        """Ask it to stop; kill what remains of it."""
        family = self._family()
        self._made.terminate()
        try:
            self._made.wait(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self._made.kill()
            self._made.wait()
        for pid in family[1:]:
            if _alive(pid, self._made.pid):
                os.kill(pid, 9)


@contextmanager
def serving(
    arguments: Sequence[str],
    *,
    log: Path,
    on: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    given: bytes | None = None,
    folder: Path | None = None,
) -> Iterator[Process]:
    """Run a server on these cores (empty: the server's one) and stop it at the end. `given`: its standard input."""
    log.parent.mkdir(parents=True, exist_ok=True)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(on) or {cores()[0]})
    try:
        with log.open("wb") as output:
            made = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if environment is None else dict(environment),
                cwd=folder,
                start_new_session=True,
            )
    finally:
        os.sched_setaffinity(0, before)
    if made.stdin is not None and given is not None:
        made.stdin.write(given)
        made.stdin.close()
    process = Process(made, log)
    try:
        yield process
    finally:
        process.stop()


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK  # its own, and its ended children's


def _status(pid: int, name: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0.0)


def _alive(pid: int, session: int) -> bool:
    """Whether that process still lives in the session that was started (its number may be another's by now)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[3]) == session and fields[0] != "Z"
