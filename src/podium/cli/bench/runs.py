"""Repeated measurements: medians, and how far the repetitions lay apart."""

import statistics
from collections.abc import Sequence
from typing import Any

import msgspec

from podium.cli.bench.measure import Figures


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one measurement, or why there are none."""

    runs: list[Figures] = []
    reason: str = ""

    def median(self, field: str) -> float | None:
        """The median of a figure over the runs; None without runs."""
        values = [getattr(run, field) for run in self.runs]
        return statistics.median(values) if values else None

    def spread(self, field: str) -> float | None:
        """The largest less the smallest, over the median."""
        values = [getattr(run, field) for run in self.runs]
        return (max(values) - min(values)) / statistics.median(values) if values else None


def figures(series: Series, prefix: str) -> dict[str, Any]:
    """The medians under the names of the report: rates a second, p50 in microseconds, p99 in milliseconds."""
    if not series.runs:
        return {f"{prefix}_rps": None, f"{prefix}_reason": series.reason}
    p99, largest = series.median("p99_us"), series.median("max_us")
    return {
        f"{prefix}_rps": _rounded(series.median("rps")),
        f"{prefix}_p50_us": _rounded(series.median("p50_us")),
        f"{prefix}_p99_ms": None if p99 is None else _rounded(p99 / 1000),
        f"{prefix}_max_ms": None if largest is None else _rounded(largest / 1000),
        f"{prefix}_cpu_us": _rounded(series.median("cpu_us")),
        f"{prefix}_client_busy": _rounded(series.median("busy")),
        f"{prefix}_spread": _rounded(series.spread("rps")),
        f"{prefix}_runs": [_rounded(run.rps) for run in series.runs],
    }


def rates(series: Series) -> dict[str, Any]:
    """The medians of requests with many rows."""
    if not series.runs:
        return {"rows_per_s": None, "reason": series.reason}
    p99 = series.median("p99_us")
    return {
        "rows_per_s": _rounded(series.median("rows_per_s")),
        "p99_ms": None if p99 is None else _rounded(p99 / 1000),
        "cpu_us_per_request": _rounded(series.median("cpu_us")),
        "client_busy": _rounded(series.median("busy")),
        "spread": _rounded(series.spread("rows_per_s")),
        "runs": [_rounded(run.rows_per_s) for run in series.runs],
    }


def middle(values: Sequence[float]) -> float | None:
    return _rounded(statistics.median(values)) if values else None


def _rounded(value: float | None) -> float | None:
    """To four significant digits."""
    return None if value is None else float(f"{value:.4g}")
