"""A year of flights as it happened: each is scored at its scheduled departure, its outcome sent when it is known."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
import numpy as np

from podium.cli.demo.flights.timetable import Timetable
from podium.client.client import Client
from podium.core import outcome, project
from podium.core import time as instants
from podium.core.errors import Refused, Unavailable
from podium.core.signature import FieldType

_HOUR = timedelta(hours=1)
_TENSOR = {FieldType.NUMBER: "FP64", FieldType.INTEGER: "INT64", FieldType.TEXT: "BYTES", FieldType.BOOLEAN: "BOOL"}
_RETRIED = (httpx.TransportError,)


class Traffic:
    """Sends flights to a scorer, hour by hour, and their outcomes to the control plane as they become known."""

    def __init__(
        self,
        flights: Timetable,
        spec: project.Project,
        *,
        scorer_url: str,
        endpoint: str,
        desk: Client,
        patience: float = 120.0,
    ) -> None:
        self._flights = flights
        self._types = _types(spec.features)
        self._key = spec.data.key
        self._endpoint = endpoint
        self._desk = desk
        self._patience = patience
        self._by_landing = np.argsort(flights.lands, kind="stable")
        self._told = 0
        self._url = f"{scorer_url}/v2/models/{endpoint}/infer"
        self._http = httpx.Client(timeout=httpx.Timeout(60, connect=2))
        self.scored = 0
        self.outcomes = 0
        self.requests = 0
        self.seconds_scoring = 0.0

    def close(self) -> None:
        self._http.close()
        self._flights.close()

    def play(self, start: datetime, end: datetime, set_clock: Callable[[datetime], None]) -> None:
        """Let [start, end) happen, hour by hour: first what landed by then is told, then who leaves now is scored."""
        first, last = np.searchsorted(self._flights.leaves, [instants.to_us(start), instants.to_us(end)])
        hour = start
        while hour < end:
            set_clock(hour)
            self.tell_outcomes(hour)
            stop = min(int(last), int(np.searchsorted(self._flights.leaves, instants.to_us(hour + _HOUR))))
            if stop > first:
                set_clock(instants.from_us(int(self._flights.leaves[first])))
                self._score(int(first), stop)
                first = stop
            hour += _HOUR
        set_clock(end)
        self.tell_outcomes(end)

    def tell_outcomes(self, until: datetime) -> None:
        """Send the outcome of every scored flight that became known before an instant, once."""
        lands, ordered = self._flights.lands, self._by_landing
        begin = self._told
        stop = begin + int(np.searchsorted(lands[ordered[begin:]], instants.to_us(until), side="left"))
        if stop <= begin:
            return
        numbers = ordered[begin:stop]
        batch = [
            outcome.Outcome(value=value, at_us=at_us, key=key)
            for value, at_us, key in zip(
                self._flights.target[numbers].tolist(),
                lands[numbers].tolist(),
                self._flights.keys(numbers),
                strict=True,
            )
        ]
        self._desk.outcomes.send(self._endpoint, batch, key=f"outcomes-{begin}-{stop}")
        self._told = stop
        self.outcomes += len(batch)

    def skip_before(self, start: datetime) -> None:
        """Leave out the rows of before: they were training data, never scored, and have no outcome to send."""
        first = int(np.searchsorted(self._flights.leaves, instants.to_us(start)))
        self._by_landing = self._by_landing[self._by_landing >= first]

    def _score(self, first: int, last: int) -> None:
        count = last - first
        rows = self._flights.rows(first, last)
        inputs: list[dict[str, Any]] = [
            {"name": name, "datatype": _TENSOR[kind], "shape": [count], "data": rows.column(name).to_pylist()}
            for name, kind in self._types.items()
        ]
        keys = rows.column(self._key).to_pylist()
        inputs.append({"name": self._key, "datatype": "BYTES", "shape": [count], "data": keys})
        body = msgspec.json.encode({"id": f"departures-{first}", "inputs": inputs})
        started = time.perf_counter()
        self._send(body)
        self.seconds_scoring += time.perf_counter() - started
        self.requests += 1
        self.scored += count

    def _send(self, body: bytes) -> None:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                answer = self._http.post(self._url, content=body, headers={"Content-Type": "application/json"})
            except _RETRIED as problem:
                if time.monotonic() > deadline:
                    raise Unavailable("The scorer does not answer.", fix="See its log.") from problem
            else:
                if answer.status_code == 200:
                    return
                if answer.status_code not in (429, 503) or time.monotonic() > deadline:
                    raise Refused(f"The scorer answered {answer.status_code}: {answer.text[:300]}")
            time.sleep(0.1)


def _types(features: project.FeaturesPart) -> dict[str, FieldType]:
    return (
        dict.fromkeys(features.numeric, FieldType.NUMBER)
        | dict.fromkeys(features.integer, FieldType.INTEGER)
        | dict.fromkeys(features.categorical, FieldType.TEXT)
        | dict.fromkeys(features.boolean, FieldType.BOOLEAN)
    )
