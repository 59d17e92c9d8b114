"""Counters and one histogram in Prometheus' text form.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import bisect
import threading
from collections.abc import Mapping

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
MEDIA = "text/plain; version=0.0.4; charset=utf-8"
_HELP = {
    "podium_requests_total": "Requests by endpoint and HTTP status.",
    "podium_predictions_total": "Scored rows by endpoint, version and role.",
    "podium_shadow_dropped_total": "Rows that a shadow did not score: its queue was full, or they did not fit it.",
    "podium_log_dropped_total": "Rows that were answered and not logged: `queued`, and the disk refused for too long.",
    "podium_rollouts_refused_total": "Rollout documents that this scorer refused.",
}
_Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts of one scorer process; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[_Labels, int]] = {name: {} for name in _HELP}
        self._latency: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

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

    def value(self, name: str, **labels: str) -> int:
        """A counter's value."""
        with self._lock:
            return self._counts[name].get(tuple(sorted(labels.items())), 0)

    def text(self, gauges: Mapping[str, Mapping[str, float]]) -> bytes:
        """All of it. `gauges`: by name, then by endpoint ("" for the process as a whole)."""
        with self._lock:
            lines = [*self._counters(), *self._histogram()]
        for name, values in gauges.items():
            lines.append(f"# TYPE {name} gauge")
            for endpoint, value in sorted(values.items()):
                lines.append(f"{name}{_labels((('endpoint', endpoint),) if endpoint else ())} {value:g}")
        return ("\n".join(lines) + "\n").encode()

    def _counters(self) -> list[str]:
        lines = []
        for name, series in self._counts.items():
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} counter"]
            lines += [f"{name}{_labels(labels)} {count}" for labels, count in sorted(series.items())]
        return lines

    def _histogram(self) -> list[str]:
        name = "podium_request_seconds"
        lines = [f"# HELP {name} Time from request to answer.", f"# TYPE {name} histogram"]
        for endpoint, counts in sorted(self._latency.items()):
            total = 0
            for edge, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                total += count
                lines.append(f"{name}_bucket{_labels((('endpoint', endpoint), ('le', edge)))} {total}")
            own = _labels((("endpoint", endpoint),))
            lines += [f"{name}_sum{own} {self._seconds[endpoint]:.6f}", f"{name}_count{own} {total}"]
        return lines


def _labels(labels: _Labels) -> str:
    """Values are names that were checked, or numbers: nothing in them needs escaping."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""
