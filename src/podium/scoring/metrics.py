"""What a scorer measures of itself, in Prometheus' text form.

https://prometheus.io/docs/instrumenting/exposition_formats/

Names that others have mean what they mean there: `http_server_…` from OpenTelemetry's conventions for HTTP,
`model_infer_…` from MLServer (Open Inference Protocol), `process_…` and `python_info` from Prometheus' own clients.
What only Podium has begins with `podium_`. A number that is read when somebody asks costs nothing before.
"""

import bisect
import itertools
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

_LOG = logging.getLogger("podium.scorer")
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper edges in seconds: a row of a small model takes 100 µs, a slow vendor's model seconds."""
MEDIA = "text/plain; version=0.0.4; charset=utf-8"
DURATION = "http_server_request_duration_seconds"
_REQUESTS = "podium_requests_total"
_SUCCESS, _FAILURE = "model_infer_request_success_total", "model_infer_request_failure_total"
_OF_REQUESTS = (_REQUESTS, _SUCCESS, _FAILURE)
"""Counters that `answered` adds to."""
_COUNTER, _GAUGE, _HISTOGRAM = "counter", "gauge", "histogram"


class Metric(NamedTuple):
    """What a name means. `labels` in the order of the page about it."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


METRICS: dict[str, Metric] = {
    DURATION: Metric(
        _HISTOGRAM,
        "Time from a request's last byte to its answer, of all routes; the endpoint where rows were to be scored.",
        ("endpoint", "http_request_method", "http_response_status_code", "http_route"),
    ),
    "http_server_active_requests": Metric(_GAUGE, "Requests under way."),
    _REQUESTS: Metric(
        _COUNTER,
        "Requests of all routes by endpoint and HTTP status; 499: the caller had gone. "
        "No endpoint: of none that is served, or refused before that was known.",
        ("endpoint", "status"),
    ),
    "podium_requests_rejected_total": Metric(_COUNTER, "Requests turned away with 429, as too many were under way."),
    _SUCCESS: Metric(_COUNTER, "Requests to score that were answered.", ("model",)),
    _FAILURE: Metric(_COUNTER, "Requests to score that were not answered.", ("model",)),
    "podium_predictions_total": Metric(_COUNTER, "Scored rows.", ("endpoint", "version", "role")),
    "podium_model_up": Metric(
        _GAUGE,
        "1 while the model of a version that decides can answer, else 0. Of several processes the least.",
        ("endpoint", "version"),
    ),
    "podium_model_restarts_total": Metric(
        _COUNTER,
        "How often a model's process was to be started again, of models that have one.",
        ("endpoint", "version"),
    ),
    "podium_referred_total": Metric(_COUNTER, "Scored rows that a person decides.", ("endpoint",)),
    "podium_shadow_dropped_total": Metric(
        _COUNTER, "Rows that a shadow did not score: its queue was full, or they did not fit it.", ("endpoint",)
    ),
    "podium_shadow_rows_waiting": Metric(_GAUGE, "Rows that wait for the shadows."),
    "podium_explained_total": Metric(_COUNTER, "Rows that were explained."),
    "podium_explanations_waiting": Metric(_GAUGE, "Requests for explanations under way."),
    "podium_explanations_rejected_total": Metric(_COUNTER, "Requests for explanations turned away with 429."),
    "podium_log_written_bytes_total": Metric(_COUNTER, "Bytes written to the prediction log."),
    "podium_log_dropped_total": Metric(
        _COUNTER, "Rows that were answered and not logged: `queued`, and the disk refused for too long."
    ),
    "podium_log_rows_waiting": Metric(_GAUGE, "Rows that wait for the disk."),
    "podium_log_segments_waiting": Metric(_GAUGE, "Sealed segments that the control plane has not received yet."),
    "podium_log_failing": Metric(_GAUGE, "1 while the prediction log cannot be written, else 0."),
    "podium_spans_dropped_total": Metric(
        _COUNTER, "Spans that the receiver of traces did not take, or that came while too many waited."
    ),
    "podium_rollout_number": Metric(_GAUGE, "The rollout that an endpoint serves.", ("endpoint",)),
    "podium_rollouts_refused_total": Metric(_COUNTER, "Rollout documents that this scorer refused.", ("endpoint",)),
    "podium_build_info": Metric(_GAUGE, "Always 1; what runs.", ("version",)),
    "python_info": Metric(_GAUGE, "Always 1; what runs it.", ("implementation", "version")),
    "process_cpu_seconds_total": Metric(_COUNTER, "CPU time spent, user and system."),
    "process_resident_memory_bytes": Metric(_GAUGE, "Resident memory."),
    "process_virtual_memory_bytes": Metric(_GAUGE, "Virtual memory."),
    "process_start_time_seconds": Metric(_GAUGE, "When the process started, in seconds since 1970."),
    "process_open_fds": Metric(_GAUGE, "Open file descriptors."),
    "process_max_fds": Metric(_GAUGE, "How many may be open."),
}
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
"""What the text form wants escaped in a label's value."""
_Labels = tuple[tuple[str, str], ...]
Values = Mapping[_Labels, float]


class Asked(NamedTuple):
    """What requests are told apart by."""

    endpoint: str = ""
    """One that is served, or none."""
    route: str = ""
    """The pattern of the path, or a gRPC method; none where nothing is at the path."""
    method: str = ""
    status: str = ""
    infers: bool = False
    """Whether they came to have rows scored."""


class _Timed:
    """How many requests took how long. Their samples' names are joined once, as they are told each second."""

    __slots__ = ("_buckets", "_count", "_sum", "counts", "seconds")

    def __init__(self, asked: Asked) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        own = _attributes(asked)
        self._buckets = [f"{DURATION}_bucket{_shown((*own, ('le', edge)))}" for edge in (*map(str, BUCKETS), "+Inf")]
        self._sum, self._count = f"{DURATION}_sum{_shown(own)}", f"{DURATION}_count{_shown(own)}"

    def lines(self) -> list[str]:
        """The samples."""
        totals = [*itertools.accumulate(self.counts)]
        told = [f"{name} {total}" for name, total in zip(self._buckets, totals, strict=True)]
        return [*told, f"{self._sum} {self.seconds:.6f}", f"{self._count} {totals[-1]}"]


class Metrics:
    """Counts of one scorer process; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[_Labels, int]] = {
            name: {} for name, metric in METRICS.items() if metric.kind == _COUNTER and name not in _OF_REQUESTS
        }
        self._timed: dict[Asked, _Timed] = {}
        self._untimed: Counter[Asked] = Counter()
        self._readers: dict[str, Callable[[], Values | float]] = {}
        self._failed: set[str] = set()

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            series = self._counts[name]
            series[key] = series.get(key, 0) + by

    def answered(self, asked: Asked, by: int = 1, seconds: float | None = None) -> None:
        """Count a request, or several that took the same. `seconds`: how long, where that is known.

        Times are told by endpoint for requests to score only: each further series of them has a line for each bucket.
        """
        with self._lock:
            if seconds is None or not asked.infers:
                self._untimed[asked] += by
            if seconds is None:
                return
            if not asked.infers:
                asked = asked._replace(endpoint="")
            timed = self._timed.get(asked)
            if timed is None:
                timed = self._timed[asked] = _Timed(asked)
            timed.counts[bisect.bisect_left(BUCKETS, seconds)] += by
            timed.seconds += seconds * by

    def watch(self, name: str, read: Callable[[], Values | float]) -> None:
        """Have a number read when somebody asks: one, or one for each set of labels."""
        if name not in METRICS:
            raise KeyError(name)
        self._readers[name] = read

    def value(self, name: str, **labels: str) -> int:
        """A counter's value."""
        with self._lock:
            counted: dict[str, Values] = {**self._counts, **self._requests()}
        return int(counted[name].get(tuple(sorted(labels.items())), 0))

    def text(self, gauges: Mapping[str, Mapping[str, float]] | None = None) -> bytes:
        """All of it. `gauges`: more numbers by name, then by endpoint ("" for the process as a whole).

        A number that cannot be read is left out; the others are told.
        """
        read = {name: self._read(name, reader) for name, reader in self._readers.items()}
        for name, values in (gauges or {}).items():
            read[name] = {((("endpoint", endpoint),) if endpoint else ()): value for endpoint, value in values.items()}
        with self._lock:
            counted: dict[str, Values] = {name: dict(series) for name, series in self._counts.items() if series}
            counted |= self._requests()
            timed = self._histogram()
        found = {**counted, **read}
        lines = []
        for name, metric in METRICS.items():
            lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
            if metric.kind == _HISTOGRAM:
                lines += timed
            lines += [
                f"{name}{_shown(labels)} {_number(value)}" for labels, value in sorted(found.get(name, {}).items())
            ]
        return ("\n".join(lines) + "\n").encode(errors="replace")

    def _read(self, name: str, reader: Callable[[], Values | float]) -> Values:
        try:
            return _series(reader())
        except Exception:  # noqa: BLE001 - whatever keeps one number from being read
            if name not in self._failed:
                self._failed.add(name)
                _LOG.warning("%s cannot be read; this is not said again", name, exc_info=True)
            return {}

    def _requests(self) -> dict[str, Values]:
        """How many requests there were, as Podium names them and, of those to score, as MLServer does."""
        total = self._untimed.copy()
        for asked, timed in self._timed.items():
            if asked.infers:
                total[asked] += sum(timed.counts)
        found: dict[str, Counter[_Labels]] = {name: Counter() for name in _OF_REQUESTS}
        for asked, count in total.items():
            found[_REQUESTS][("endpoint", asked.endpoint), ("status", asked.status)] += count
            if asked.infers and asked.endpoint:
                found[_SUCCESS if asked.status.startswith("2") else _FAILURE][(("model", asked.endpoint),)] += count
        return dict(found)

    def _histogram(self) -> list[str]:
        return [line for _, timed in sorted(self._timed.items()) for line in timed.lines()]


def _attributes(asked: Asked) -> _Labels:
    """As OpenTelemetry names them, and the endpoint."""
    named = (
        ("endpoint", asked.endpoint),
        ("http_request_method", asked.method),
        ("http_response_status_code", asked.status),
        ("http_route", asked.route),
    )
    return tuple((name, value) for name, value in named if value)


def _series(read: Values | float) -> Values:
    return {(): float(read)} if isinstance(read, int | float) else read


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _shown(labels: _Labels) -> str:
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels) + "}" if labels else ""
