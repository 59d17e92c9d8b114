"""A model in a process of its own, kept alive: started again when it dies, is late or talks nonsense."""

import logging
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.bundle import columns
from podium.bundle.engines import answer
from podium.bundle.engines.worker import process, scratch, turn, wire
from podium.core import bundle, engine
from podium.core.errors import PodiumError, Refused, Unavailable

_LOG = logging.getLogger("podium.engine")
HEARTBEAT_SECONDS = 5.0
"""An idle process is asked for nothing this often, and must answer."""
_LOOK_SECONDS = 0.2
_STEADY_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
_MASK = 0xFFFFFFFF

Prepare = Callable[[Path], process.Start]
"""Called with the scratch folder: how to start the process."""


class Host:
    """The process and the thread that watches over it. One call at a time, others wait within their time limit.

    The process has the whole limit for each call from when it is asked; who waited before is no fault of its own.
    """

    def __init__(self, manifest: bundle.Manifest, limits: engine.Limits, prepare: Prepare) -> None:
        self._signature = manifest.signature
        self._classes = len(manifest.signature.labels)
        self._limits = limits
        self.patience = limits.seconds
        self._scratch = scratch.Scratch()
        self._start = prepare(self._scratch.path)
        self._name = f"{manifest.model} ({manifest.engine})"
        self._calls = threading.Lock()
        self._changed = threading.Condition()
        self._process: process.Process | None = None
        self._problem: PodiumError | None = None
        self._closing = False
        self.restarts = 0
        """How often the process was to be started again."""
        self._number = 0
        self._asked_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="podium-model", daemon=True)
        try:
            self._thread.start()  # it starts every process itself: the kernel ends them with the thread that made them
        except RuntimeError:
            self._scratch.close()
            raise process.unavailable("cannot be started") from None

    @property
    def pid(self) -> int | None:
        """The process that answers now, if one does."""
        running = self._process
        return None if running is None else running.pid

    @property
    def ready(self) -> bool:
        """Whether a process that has loaded the model is alive."""
        running = self._process
        return running is not None and running.alive()

    @property
    def enforced(self) -> dict[str, object]:
        """What the operating system enforces on the process that answers now."""
        running = self._process
        return {} if running is None else running.enforced

    def wait_ready(self) -> None:
        """Return once the model is loaded; else raise why it is not, and end everything."""
        with self._changed:
            self._changed.wait_for(lambda: self._process or self._problem, self._limits.start_seconds + 5.0)
            problem = None if self._process else self._problem or process.unavailable("did not start in time")
        if problem is not None:
            self.close()
            raise problem

    def predict(self, table: columns.Columns) -> npt.NDArray[np.float64]:
        """Scores [n], of several classes [n, classes].

        `Unavailable` when the process cannot answer now, `Invalid` when the model fails on the rows.
        """
        rows = columns.count(table)
        if rows == 0:
            return np.empty((0, self._classes) if self._classes else 0, dtype=np.float64)
        patience = turn.left(self._limits.seconds)
        deadline = time.monotonic() + patience
        if not self._calls.acquire(timeout=patience):
            raise turn.busy()
        try:
            return self._ask(table, rows, deadline)
        finally:
            self._calls.release()

    def close(self) -> None:
        """End the process and its watch."""
        with self._changed:
            self._closing = True
            running = self._process
            self._changed.notify_all()
        if running is not None:
            running.end()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10.0)
        self._scratch.close()

    def _ask(self, table: columns.Columns, rows: int, deadline: float) -> npt.NDArray[np.float64]:
        running = self._running(deadline)
        self._number = (self._number + 1) & _MASK
        self._asked_at = time.monotonic()
        question = wire.question(self._number, self._signature, table)
        try:
            body = running.ask(question, rows * max(1, self._classes), self._limits.seconds)
            scores = wire.scores(body, self._number, rows, self._classes) if body[:1] == b"S" else None
            said = wire.failure(body, self._number) if body[:1] in (b"E", b"M") else None
            if scores is None and said is None:
                raise process.Broken("gave an answer that is none")
        except process.Broken as problem:
            self._drop(running, str(problem))
            raise process.unavailable(str(problem)) from None
        if scores is not None:
            return scores
        if body[:1] == b"M":
            self._drop(running, "ran out of memory")
            raise process.unavailable("ran out of memory")
        raise answer.failed(f"{self._name}, {rows} rows: {said}")

    def _running(self, deadline: float) -> process.Process:
        """The process, if it answers before the deadline."""
        with self._changed:
            if self._process is not None and not self._process.alive():
                self._process = None
                self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._process or self._closing or self._problem, max(deadline - time.monotonic(), 0.0)
            )
            if self._closing:
                raise Unavailable("The model was let go of.", field="model", fix="Send the rows again.")
            if self._process is None:
                raise process.unavailable("is being started again")
            return self._process

    def _drop(self, running: process.Process, why: str) -> None:
        _LOG.warning("the process of model %s %s; its last words: %s", self._name, why, running.said() or "none")
        running.end()
        self._gone(running)

    def _gone(self, running: process.Process) -> None:
        with self._changed:
            if self._process is running:
                self._process = None
            self._changed.notify_all()

    def _run(self) -> None:
        """Start the process; when it is gone start another: at once the first time, then after growing pauses."""
        failures = 0
        while not self._closing:
            try:
                lived = self._life()
            except Exception:  # noqa: BLE001 - whatever it was: nobody else starts the process again
                _LOG.exception("the process of model %s cannot be watched over", self._name)
                self._fail(process.unavailable("cannot be started"))
                lived = None
            failures = 1 if lived is not None and lived > _STEADY_SECONDS else failures + 1
            if failures > 1 or lived is None:
                self._pause(min(_FIRST_PAUSE * 2.0 ** min(failures, 20), _LONGEST_PAUSE))
            self.restarts += not self._closing

    def _life(self) -> float | None:
        """Start the process and watch it until it is gone: for how many seconds; None when it did not start."""
        running = self._begin()
        if running is None:
            return None
        begun = time.monotonic()
        try:
            self._watch(running)
        finally:
            running.end()
            self._gone(running)
        return time.monotonic() - begun

    def _begin(self) -> process.Process | None:
        try:
            running = process.Process(self._start)
        except OSError:
            self._fail(process.unavailable("cannot be started"))
            return None
        try:
            running.wait_ready(self._limits.start_seconds)
        except process.Broken as problem:
            _LOG.warning("model %s %s at its start; its last words: %s", self._name, problem, running.said() or "none")
            running.end()
            self._fail(Refused(f"The model's process {problem} before it was loaded.", field="engine"))
            return None
        except PodiumError as problem:
            running.end()
            self._fail(problem)
            return None
        except Exception:
            running.end()
            raise
        with self._changed:
            self._problem = None
            self._process = None if self._closing else running
            self._changed.notify_all()
        if self._closing:
            running.end()
        return running

    def _fail(self, problem: PodiumError) -> None:
        with self._changed:
            self._problem = problem
            self._changed.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, seconds)

    def _watch(self, running: process.Process) -> None:
        """Until the process is gone, or something else answers in its place."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._process is not running or self._closing, _LOOK_SECONDS)
                if self._process is not running or self._closing:
                    return
            if not running.alive():
                self._drop(running, "ended")
            elif time.monotonic() - self._asked_at > HEARTBEAT_SECONDS:
                self._beat(running)

    def _beat(self, running: process.Process) -> None:
        """Ask an idle process for nothing; one that does not answer is ended."""
        if not self._calls.acquire(blocking=False):
            return
        try:
            if self._process is not running:
                return
            self._number = (self._number + 1) & _MASK
            self._asked_at = time.monotonic()
            empty = {
                field.name: np.empty(0, dtype=object if field.type == "text" else np.float64)
                for field in self._signature.features
            }
            body = running.ask(wire.question(self._number, self._signature, empty), 0, self._limits.seconds)
            if body[:1] != b"S" or wire.scores(body, self._number, 0) is None:
                raise process.Broken("gave an answer that is none")
        except process.Broken as problem:
            self._drop(running, str(problem))
        finally:
            self._calls.release()


class Model:
    """A loaded model whose process a host keeps alive; ended with `close`, or when nobody holds it any more."""

    blocking = True

    def __init__(self, host: Host) -> None:
        self.host = host
        self.patience = host.patience
        self._finish = weakref.finalize(self, host.close)

    @property
    def ready(self) -> bool:
        """Whether its process can be asked."""
        return self.host.ready

    @property
    def restarts(self) -> int:
        """How often its process was to be started again."""
        return self.host.restarts

    def predict(self, table: columns.Columns) -> npt.NDArray[np.float64]:
        """Scores [n] of canonical columns."""
        return self.host.predict(table)

    def close(self) -> None:
        """End the process."""
        self._finish()


def load(manifest: bundle.Manifest, limits: engine.Limits, prepare: Prepare) -> Model:
    """A model whose process has loaded it; `Refused` with what the process says when it cannot."""
    host = Host(manifest, limits, prepare)
    host.wait_ready()
    return Model(host)
