"""What a scorer measures of itself, in Prometheus' text form.

https://prometheus.io/docs/instrumenting/exposition_formats/

Names that others have are used as they have them: `http_server_…` from OpenTelemetry's conventions for HTTP,
`model_infer_…` from MLServer (Open Inference Protocol), `process_…` and `python_info` from Prometheus' own clients.
What only Podium has begins with `podium_`. A number that is read when somebody asks costs nothing before.
"""

import bisect
import logging
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

_LOG = logging.getLogger("podium.scorer")
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper edges in seconds: a row of a small model takes 100 µs, a slow vendor's model seconds."""
MEDIA = "text/plain; version=0.0.4; charset=utf-8"
DURATION = "http_server_request_duration_seconds"
_COUNTER, _GAUGE, _HISTOGRAM = "counter", "gauge", "histogram"


class Metric(NamedTuple):
    """What a name means. `labels` in the order of the page about it."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


METRICS: dict[str, Metric] = {
    DURATION: Metric(_HISTOGRAM, "Time from a request's last byte to its answer.", ("endpoint",)),
    "http_server_active_requests": Metric(_GAUGE, "Requests under way."),
    "podium_requests_total": Metric(
        _COUNTER,
        "Requests by endpoint and HTTP status; 499: the caller had gone. "
        "No endpoint: of none that is served, or refused before that was known.",
        ("endpoint", "status"),
    ),
    "podium_requests_rejected_total": Metric(_COUNTER, "Requests turned away with 429, as too many were under way."),
    "model_infer_request_success_total": Metric(_COUNTER, "Requests to a model that were answered.", ("model",)),
    "model_infer_request_failure_total": Metric(_COUNTER, "Requests to a model that were not answered.", ("model",)),
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


class Metrics:
    """Counts of one scorer process; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[_Labels, int]] = {
            name: {} for name, metric in METRICS.items() if metric.kind == _COUNTER
        }
        self._latency: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._readers: dict[str, Callable[[], Values | float]] = {}
        self._failed: set[str] = set()

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            series = self._counts[name]
            series[key] = series.get(key, 0) + by

    def observe(self, endpoint: str, seconds: float, by: int = 1) -> None:
        """Record how long a request took, or several that took the same."""
        with self._lock:
            counts = self._latency.setdefault(endpoint, [0] * (len(BUCKETS) + 1))
            counts[bisect.bisect_left(BUCKETS, seconds)] += by
            self._seconds[endpoint] = self._seconds.get(endpoint, 0.0) + seconds * by

    def watch(self, name: str, read: Callable[[], Values | float]) -> None:
        """Have a number read when somebody asks: one, or one for each set of labels."""
        if name not in METRICS:
            raise KeyError(name)
        self._readers[name] = read

    def value(self, name: str, **labels: str) -> int:
        """A counter's value."""
        with self._lock:
            return self._counts[name].get(tuple(sorted(labels.items())), 0)

    def text(self, gauges: Mapping[str, Mapping[str, float]] | None = None) -> bytes:
        """All of it. `gauges`: more numbers by name, then by endpoint ("" for the process as a whole).

        A number that cannot be read is left out; the others are told.
        """
        read = {name: self._read(name, reader) for name, reader in self._readers.items()}
        for name, values in (gauges or {}).items():
            read[name] = {((("endpoint", endpoint),) if endpoint else ()): value for endpoint, value in values.items()}
        with self._lock:
            counted: dict[str, Values] = {name: dict(series) for name, series in self._counts.items() if series}
            timed = self._histogram()
        found = {**counted, **_answered(counted.get("podium_requests_total", {})), **read}
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

    def _histogram(self) -> list[str]:
        lines = []
        for endpoint, counts in sorted(self._latency.items()):
            total = 0
            for edge, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                total += count
                lines.append(f"{DURATION}_bucket{_shown((('endpoint', endpoint), ('le', edge)))} {total}")
            own = _shown((("endpoint", endpoint),))
            lines += [f"{DURATION}_sum{own} {self._seconds[endpoint]:.6f}", f"{DURATION}_count{own} {total}"]
        return lines


def _answered(requests: Values) -> dict[str, Values]:
    """Requests to models by whether they were answered, as MLServer names them."""
    found: dict[str, dict[_Labels, float]] = {
        "model_infer_request_success_total": {},
        "model_infer_request_failure_total": {},
    }
    for labels, count in requests.items():
        said = dict(labels)
        if endpoint := said.get("endpoint"):
            good = "success" if said.get("status", "").startswith("2") else "failure"
            series, key = found[f"model_infer_request_{good}_total"], (("model", endpoint),)
            series[key] = series.get(key, 0) + count
    return {name: series for name, series in found.items() if series}


def _series(read: Values | float) -> Values:
    return {(): float(read)} if isinstance(read, int | float) else read


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _shown(labels: _Labels) -> str:
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels) + "}" if labels else ""
