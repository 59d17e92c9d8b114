"""Keep processes running: start them, start them again when they die, stop them together."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

_STABLE_S = 10.0
_STOP_S = 15.0


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the platform: its name, arguments of `podium`, environment, and log file."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: Path | None = None


class Supervisor:
    """Runs parts until `stop`. A part that dies is started again, at once the first time, then ever more slowly."""

    def __init__(self, parts: Sequence[Part], *, say: Callable[[str], None] = lambda _text: None) -> None:
        self.parts = tuple(parts)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts: dict[str, int] = {part.name: 0 for part in parts}
        self._say = say
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for part in self.parts:
            self.processes[part.name] = _spawn(part)
            thread = threading.Thread(target=self._keep, args=(part,), daemon=True, name=f"keep-{part.name}")
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ask every part to finish, in reverse order, and end what does not within 15 seconds."""
        self._stopping.set()
        for part in reversed(self.parts):
            process = self.processes[part.name]
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait(self) -> None:
        """Block until `stop` is called."""
        self._stopping.wait()

    def _keep(self, part: Part) -> None:
        wait = 0.0
        while True:
            started = time.monotonic()
            code = self.processes[part.name].wait()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > _STABLE_S:
                wait = 0.0
            self._say(f"{part.name} ended ({_reason(code)}); starting it again")
            if self._stopping.wait(wait):
                return
            wait = min(10.0, wait * 2 + 0.2)
            self.restarts[part.name] += 1
            self.processes[part.name] = _spawn(part)


def _spawn(part: Part) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "podium.cli.main", *part.arguments]
    if part.log is None:
        return subprocess.Popen(command, env=part.environment, stdin=subprocess.DEVNULL)
    part.log.parent.mkdir(parents=True, exist_ok=True)
    with part.log.open("ab") as log:
        return subprocess.Popen(
            command, env=part.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )


def _reason(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"
