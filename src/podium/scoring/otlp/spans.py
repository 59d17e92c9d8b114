"""Sends the spans of sampled traces to a receiver, aside: nobody waits for it, and what it cannot take is counted."""

import logging
import threading
from collections import deque
from collections.abc import Callable

import httpx

from podium.core import time
from podium.core.trace import Kind, Trace
from podium.scoring.otlp import message
from podium.version import VERSION

MOST_WAITING = 4096
"""Spans; beyond that the newest are dropped."""
_LOG = logging.getLogger("podium.spans")
_AT_ONCE = 512
_EACH_SECONDS = 1.0
_LONGEST_SECONDS = 30.0
_LAST_TRIES, _LAST_WAIT_SECONDS = 3, 0.5
_AGAIN = frozenset({408, 429, 502, 503, 504})
"""Answers after which the protocol wants the same to be sent again."""
_PATH = "/v1/traces"
_MEDIA = {"Content-Type": "application/x-protobuf"}
_SCOPE = ("podium", VERSION)


def resource(service: str, instance: str) -> dict[str, str | int]:
    """Who makes the spans, by OpenTelemetry's conventions."""
    return {"service.name": service, "service.instance.id": instance, "service.version": VERSION}


class Spans:
    """An exporter over OTLP/HTTP. `url`: the receiver, without the path; `dropped`: told how many were lost."""

    def __init__(self, url: str, resource: message.Values, clock: time.Clock, dropped: Callable[[int], None]) -> None:
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=httpx.Timeout(5.0, connect=2.0))
        self._resource = resource
        self._clock = clock
        self._dropped = dropped
        self._waiting: deque[message.Span] = deque()
        self._stop = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="podium-spans", daemon=True)
        self._thread.start()

    def tell(
        self,
        found: Trace,
        name: str,
        seconds: float,
        attributes: message.Values,
        *,
        failed: bool,
        kind: Kind = Kind.SERVER,
    ) -> None:
        """A part of a sampled trace ended just now, after so many seconds."""
        if len(self._waiting) >= MOST_WAITING:
            self._dropped(1)
            return
        end_ns = time.to_us(self._clock()) * 1000
        begun_ns = end_ns - round(seconds * 1e9)
        self._waiting.append(message.Span(found, name, begun_ns, end_ns, attributes, failed, kind))

    def close(self) -> None:
        """Send what waits, and stop."""
        self._stop.set()
        self._thread.join(10.0)
        self._http.close()

    def _run(self) -> None:
        wait = _EACH_SECONDS
        while not self._stop.wait(wait):
            wait = _EACH_SECONDS if self._send_all() else min(wait * 2, _LONGEST_SECONDS)
        pause = threading.Event()
        for _ in range(_LAST_TRIES):
            if self._send_all():
                return
            pause.wait(_LAST_WAIT_SECONDS)
        self._dropped(len(self._waiting))

    def _send_all(self) -> bool:
        """Whether nothing waits any more, or is to be tried again later."""
        while self._waiting:
            batch = [self._waiting[at] for at in range(min(len(self._waiting), _AT_ONCE))]  # others append meanwhile
            if not self._send(batch):
                return False
            for _ in batch:
                self._waiting.popleft()
        return True

    def _send(self, batch: list[message.Span]) -> bool:
        try:
            answer = self._http.post(_PATH, content=message.request(self._resource, _SCOPE, batch), headers=_MEDIA)
        except httpx.HTTPError as problem:
            self._say(f"The receiver of traces does not answer: {type(problem).__name__}.")
            return False
        except Exception:  # noqa: BLE001 - the thread's edge: these spans are lost, and none behind them
            self._say("Spans cannot be sent; they are dropped.", fault=True)
            self._dropped(len(batch))
            return True
        if answer.status_code in _AGAIN:
            self._say(f"The receiver of traces answers {answer.status_code}.")
            return False
        if answer.is_error:
            self._say(f"The receiver of traces refuses them with {answer.status_code}; they are dropped.")
            self._dropped(len(batch))
        else:
            self._away = False
        return True

    def _say(self, problem: str, *, fault: bool = False) -> None:
        """Once, until it is well again. `fault`: with where it happened."""
        if not self._away:
            _LOG.warning(problem, exc_info=fault)
        self._away = True
