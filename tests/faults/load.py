"""Clients that keep asking, over kept-alive connections, with an exact account of what was answered."""

import contextlib
import http.client
import itertools
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil
import pytest

from tests import scoring_kit as kit
from tests.patience import until

JSON = {"Content-Type": "application/json"}
_BODY = json.dumps(kit.tensors(id="%s"))


class Answered(NamedTuple):
    """A prediction that a client was given."""

    scores: tuple[float, ...]
    versions: tuple[int, ...]
    at: float
    """When the answer was there (monotonic seconds)."""


class Failure(NamedTuple):
    """A request without a good answer: the status, or what broke."""

    id: str
    what: str
    at: float


def body(identifier: str) -> bytes:
    """Three rows to score."""
    return (_BODY % identifier).encode()


class Load:
    """Threads that ask again once they are answered, the endpoints in turn. `address`: where the scorer is; asked for
    each connection.

    Without `keep` each request has a connection of its own. With `retry`, a request that broke is sent again under the
    same id until it is answered, as an application does that must have its decision; else it is a failure.
    """

    def __init__(
        self,
        address: Callable[[], str] | str,
        name: str,
        *,
        threads: int = 4,
        retry: bool = False,
        pause: float = 0.0,
        keep: bool = True,
        endpoints: Sequence[str] = (kit.ENDPOINT,),
    ) -> None:
        self.answered: dict[str, Answered] = {}
        self.failed: list[Failure] = []
        self.refused: Counter[int] = Counter()
        self.retry_after: Counter[str | None] = Counter()
        self._address = address
        self._retry = retry
        self._pause = pause
        self._keep = keep
        self._endpoints = endpoints
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(f"{name}-{number}",)) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> "Load":
        """Let each finish what it asked last."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return self

    def go_on(self, requests: int = 100) -> None:
        """Wait until so many more requests are answered."""
        enough = len(self.answered) + requests
        until(lambda: len(self.answered) >= enough, "nobody is answered")

    def scores(self) -> dict[str, float]:
        """By prediction id, the score that a client was given."""
        return {
            f"{identifier}/{row}": score
            for identifier, each in self.answered.items()
            for row, score in enumerate(each.scores)
        }

    def _where(self) -> str:
        return self._address if isinstance(self._address, str) else self._address()

    def _run(self, name: str) -> None:
        connection: http.client.HTTPConnection | None = None
        for number in itertools.count():
            if self._stop.is_set():
                break
            identifier = f"{name}-{number}"
            while True:
                try:
                    connection = connection or connect(self._where())
                    connection = self._ask(connection, self._endpoints[number % len(self._endpoints)], identifier)
                    break
                except (OSError, http.client.HTTPException) as problem:
                    if connection is not None:
                        connection.close()
                    connection = None
                    if not self._retry:
                        self.failed.append(Failure(identifier, repr(problem), time.monotonic()))
                        break
                    if self._stop.wait(0.02):
                        break
            if self._pause:
                time.sleep(self._pause)
        if connection is not None:
            connection.close()

    def _ask(
        self, connection: http.client.HTTPConnection, endpoint: str, identifier: str
    ) -> http.client.HTTPConnection | None:
        connection.request("POST", f"/v2/models/{endpoint}/infer", body(identifier), JSON)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status == 200:
            self.answered[identifier] = read(data)
        else:
            self.refused[answer.status] += 1
            self.retry_after[answer.headers.get("Retry-After")] += 1
            self.failed.append(Failure(identifier, f"{answer.status}: {data[:200]!r}", time.monotonic()))
        if not self._keep or answer.headers.get("Connection", "").lower() == "close":
            connection.close()
            return None
        return connection


def connect(url: str, timeout: float = 20.0) -> http.client.HTTPConnection:
    """A connection to the scorer at that address."""
    parts = urlsplit(url)
    made = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    made.connect()
    return made


def read(data: bytes) -> Answered:
    """What an answer says."""
    told: dict[str, Any] = json.loads(data)
    return Answered(tuple(kit.output(told, "score")), tuple(kit.output(told, "version")), time.monotonic())


class Others:
    """How many processors others used meanwhile: where that is much, latencies say more of them than of the scorer."""

    def __init__(self, *pids: int) -> None:
        self._pids = (os.getpid(), *pids)
        self._begun = time.monotonic()
        self._before = self._used()

    def processors(self) -> float:
        return (self._used() - self._before) / (time.monotonic() - self._begun)

    def _used(self) -> float:
        whole = psutil.cpu_times()
        own = sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in self._pids)
        return float(whole.user + whole.nice + whole.system + whole.irq + whole.softirq + whole.steal - own)


MOST_TAKEN = 0.25
"""Processors that others may use where times are judged."""


def judge(record: Callable[[str], None], taken: float, *, held: bool) -> None:
    """Record what was measured; where it does not hold while others used the processors, times say nothing: skip."""
    busy = taken > MOST_TAKEN
    if busy and not held:
        pytest.skip("others use the processors: times say nothing here")
    record(f"; others used {taken:.1f} processors meanwhile" if busy else "")


class Waiting:
    """How long a process was ready to run and another had the processor: what a quiet machine would have saved it."""

    def __init__(self, pid: int) -> None:
        self._path = Path(f"/proc/{pid}/schedstat")

    def seconds(self) -> float:
        return int(self._path.read_text().split()[1]) / 1e9 if self._path.exists() else 0.0


def ready(url: str, seconds: float = 30.0) -> float:
    """Wait until the scorer says that it is ready; how long that took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        try:
            with contextlib.closing(connect(url, 5.0)) as connection:
                connection.request("GET", "/v2/health/ready")
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    return time.monotonic() - begun
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.01)
    raise AssertionError("the scorer did not become ready")
