"""Several scorer processes on one port: the kernel spreads connections over them; one that dies is started again.

The processes are forked from one that has loaded the libraries and nothing else, so that they share those pages. Each
has its own log segments, bundles and counters in the one folder, as any scorers that share a folder.
"""

import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

import msgspec

from podium.bundle import arrow_alone
from podium.core.errors import PodiumError, Unavailable
from podium.scoring import ending, serve, siblings
from podium.scoring.http import listen
from podium.scoring.serve import Settings

_LOG = logging.getLogger("podium.scorer")
_SHORT_LIFE_SECONDS = 2.0
_PAUSE_SECONDS = 1.0
_GRACE_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1
_ENDS = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings, count: int, fronts: Sequence[serve.Front] = ()) -> None:
    """Serve with that many processes until SIGTERM or SIGINT. Prints the one address when all answer."""
    reserved = listen.bind(settings.host, settings.port, shared=True)  # bound, never listening: it gets no connection
    port = reserved.getsockname()[1]
    arrow_alone.without_pandas()
    made = Workers(msgspec.structs.replace(settings, port=port, shared=True), count, fronts)
    try:
        if made.start():
            serve.say(f"http://{listen.where(settings.host, port)}")
        made.wait()
    finally:
        reserved.close()


class Workers:
    """The processes by their ids."""

    def __init__(self, settings: Settings, count: int, fronts: Sequence[serve.Front]) -> None:
        self._settings = settings
        self._count = count
        self._fronts = fronts
        self._numbers: dict[int, int] = {}
        self._born: dict[int, float] = {}
        self._memory = siblings.Memory(count)
        self._stopping = False

    def start(self) -> bool:
        """Start all, and wait until each answers or has ended; whether none was told to stop meanwhile.

        Raises `Unavailable` when none answers, or the system does not let that many processes start.
        """
        for number in _ENDS:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._kill)
        try:
            waiting = [pipe for number in range(self._count) if (pipe := self._fork(number)) is not None]
        except OSError as problem:
            self._stop()
            self.wait()
            raise Unavailable(
                f"The system lets no more processes start: {problem}.", field="workers", fix="Ask for fewer."
            ) from problem
        if not sum([_answers(pipe) for pipe in waiting]) and not self._stopping:
            self._stop()
            self.wait()
            raise Unavailable(
                "No worker can serve.", field="workers", fix="Mend what they say above; start again then."
            )
        return not self._stopping

    def wait(self) -> None:
        """Start those again that die, until told to stop and all have ended."""
        while self._numbers:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                return
            number = self._numbers.pop(pid, None)
            if number is None:
                continue
            lived = time.monotonic() - self._born.pop(pid)
            if self._stopping:
                continue
            _LOG.error("worker %d ended (status %d) and is started again", number, os.waitstatus_to_exitcode(status))
            if lived < _SHORT_LIFE_SECONDS:
                time.sleep(_PAUSE_SECONDS)
            self._again(number)

    def _again(self, number: int) -> None:
        """Start one again, as soon as the system lets it."""
        said = False
        while not self._stopping:
            try:
                pipe = self._fork(number)
            except OSError as problem:
                if not said:
                    _LOG.error("worker %d cannot be started now, and is tried again: %s", number, problem)
                said = True
                time.sleep(_PAUSE_SECONDS)
                continue
            if said:
                _LOG.warning("worker %d is started at last", number)
            if pipe is not None:
                os.close(pipe)
            return

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        if not self._stopping:
            seconds = ending.at_most(self._settings.drain_seconds) + _GRACE_SECONDS
            signal.setitimer(signal.ITIMER_REAL, seconds)
        self._stopping = True
        self._send(signal.SIGTERM)

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        """Those that have not ended by now hang."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for pid in list(self._numbers):
            with contextlib.suppress(ProcessLookupError):  # it has ended, and was waited for just now
                os.kill(pid, number)

    def _fork(self, number: int) -> int | None:
        """A new process; what its readiness can be read from, or None where told to stop. `OSError`: not now.

        Signals wait meanwhile: until the parent knows the process that it must pass them on to, and until in the
        process they mean its end.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
        try:
            if self._stopping:
                return None
            reader, writer = os.pipe()
            parent = os.getpid()
            try:
                pid = os.fork()
            except OSError:
                os.close(reader)
                os.close(writer)
                raise
            if pid == 0:
                os.close(reader)
                self._be(number, writer, parent, before)
            os.close(writer)
            self._born_now(pid, number)
            return reader
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _born_now(self, pid: int, number: int) -> None:
        self._numbers[pid] = number
        self._born[pid] = time.monotonic()
        if self._stopping:  # another thread took the signal since
            os.kill(pid, signal.SIGTERM)

    def _be(self, number: int, writer: int, parent: int, mask: set[signal.Signals | int]) -> None:
        """The life of a worker process, which begins with signals blocked."""
        code = 1
        try:
            for each in _ENDS:
                signal.signal(each, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            _die_with(parent)
            if not self._stopping:
                others = siblings.Siblings(self._memory, number)
                serve.run(self._settings, self._fronts, lambda _: _tell(writer), others)
            code = 0
        except PodiumError as problem:
            _LOG.error("worker %d cannot serve: %s", number, problem)
        except Exception:  # noqa: BLE001 - the process's edge: its parent reads only how it ended
            _LOG.exception("worker %d failed", number)
        finally:
            os._exit(code)


def _answers(reader: int) -> bool:
    """Whether the worker whose readiness is told there answers, when it does or has ended."""
    told = os.read(reader, 1)
    os.close(reader)
    return bool(told)


def _tell(writer: int) -> None:
    with contextlib.suppress(OSError):  # a worker that was started again: nobody waits
        os.write(writer, b".")
    os.close(writer)


def _die_with(parent: int) -> None:
    """End when the parent does (Linux; elsewhere a worker outlives a parent that was killed)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
