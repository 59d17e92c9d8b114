"""A year of flights as it happened: each is scored at its scheduled departure, its outcome sent when it is known."""

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
import numpy as np
import pyarrow as pa

from podium.client.client import Client
from podium.core import outcome, project
from podium.core import time as instants
from podium.core.errors import Refused, Unavailable
from podium.core.signature import FieldType

HOUR_US = 3_600_000_000
_TENSOR = {FieldType.NUMBER: "FP64", FieldType.INTEGER: "INT64", FieldType.TEXT: "BYTES", FieldType.BOOLEAN: "BOOL"}
_RETRIED = (httpx.TransportError,)


class Traffic:
    """Sends rows of a table to a scorer, hour by hour, and their outcomes to the control plane as they become known.

    `rows`: sorted by the project's time column, with its key, target and features, and `outcome_at`.
    """

    def __init__(
        self,
        rows: pa.Table,
        spec: project.Project,
        *,
        scorer_url: str,
        endpoint: str,
        desk: Client,
        patience: float = 120.0,
    ) -> None:
        self._types = _types(spec.features)
        self._key = spec.data.key
        self._keys: list[str] = rows.column(self._key).to_pylist()
        self._time = rows.column(spec.data.time).cast(pa.int64()).to_numpy()
        self._known = rows.column("outcome_at").cast(pa.int64()).to_numpy()
        self._target = rows.column(spec.data.target).to_numpy().astype(np.float64)
        self._features = {name: rows.column(name) for name in self._types}
        self._endpoint = endpoint
        self._desk = desk
        self._patience = patience
        self._by_known = np.argsort(self._known, kind="stable")
        self._sent_outcomes = 0
        self._url = f"{scorer_url}/v2/models/{endpoint}/infer"
        self._http = httpx.Client(timeout=httpx.Timeout(60, connect=2))
        self.scored = 0
        self.outcomes = 0
        self.requests = 0
        self.seconds_scoring = 0.0

    def close(self) -> None:
        self._http.close()

    def play(self, start: datetime, end: datetime, set_clock: Callable[[datetime], None]) -> None:
        """Let [start, end) happen: flights in scheduled order, an hour's departures a request; outcomes each day."""
        low, high = np.searchsorted(self._time, [instants.to_us(start), instants.to_us(end)])
        day = start
        for first, last in self._hours(int(low), int(high)):
            now = instants.from_us(int(self._time[first]))
            while now >= day + timedelta(days=1):
                day += timedelta(days=1)
                set_clock(day)
                self.send_outcomes(day)
            set_clock(now)
            self._score(first, last)
        set_clock(end)
        self.send_outcomes(end)

    def send_outcomes(self, until: datetime) -> None:
        """Send every outcome of a scored flight that became known before an instant, once."""
        limit = instants.to_us(until)
        ordered = self._by_known
        begin = self._sent_outcomes
        stop = int(np.searchsorted(self._known[ordered], limit, side="left"))
        if stop <= begin:
            return
        batch = [
            outcome.Outcome(value=float(self._target[row]), at_us=int(self._known[row]), key=self._keys[row])
            for row in ordered[begin:stop]
        ]
        self._desk.outcomes.send(self._endpoint, batch, key=f"outcomes-{begin}-{stop}")
        self._sent_outcomes = stop
        self.outcomes += len(batch)

    def skip_before(self, start: datetime) -> None:
        """Leave out the rows of before: they were training data, never scored, and have no outcome to send."""
        first = int(np.searchsorted(self._time, instants.to_us(start)))
        self._by_known = self._by_known[self._by_known >= first]

    def _hours(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        hours = self._time[low:high] // HOUR_US
        edges = np.flatnonzero(np.diff(hours)) + 1
        bounds = [low, *(low + edges).tolist(), high]
        if high > low:
            yield from itertools.pairwise(bounds)

    def _score(self, first: int, last: int) -> None:
        count = last - first
        inputs: list[dict[str, Any]] = [
            {
                "name": name,
                "datatype": _TENSOR[kind],
                "shape": [count],
                "data": self._features[name][first:last].to_pylist(),
            }
            for name, kind in self._types.items()
        ]
        inputs.append({"name": self._key, "datatype": "BYTES", "shape": [count], "data": self._keys[first:last]})
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
