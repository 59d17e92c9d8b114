"""The bars that a run is held against, and by how much each was passed or missed."""

from collections.abc import Mapping
from typing import Any

import msgspec

FORMS = ("json", "binary", "arrow", "grpc")
"""In which many rows can be sent."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One bar. `value`: what was found, None where it was not measured; `most`: smaller is better."""

    name: str
    wanted: float
    value: float | None
    most: bool = False

    @property
    def passed(self) -> bool | None:
        """None: not measured."""
        if self.value is None:
            return None
        return self.value <= self.wanted if self.most else self.value >= self.wanted

    @property
    def factor(self) -> float | None:
        """How many times as good as wanted: 1 or more passes."""
        if self.value is None or not self.value or not self.wanted:
            return None
        return self.wanted / self.value if self.most else self.value / self.wanted


def judge(report: Mapping[str, Any]) -> list[Bar]:
    """All bars on a report."""
    ratios = report["ratios"]
    found = [
        Bar(name="durable, of the limit", wanted=0.35, value=ratios["durable_of_limit"]),
        Bar(name="queued, of the limit", wanted=0.5, value=ratios["queued_of_limit"]),
        Bar(name="1 connection, queued: p50 in times the limit's", wanted=3.0, value=ratios["c1_p50"], most=True),
        Bar(name="100 rows as JSON, of ONNX Runtime alone", wanted=0.4, value=ratios["json_100"]),
        Bar(name="100 rows as binary tensors, of ONNX Runtime alone", wanted=0.8, value=ratios["binary_100"]),
        Bar(name="100 rows as Arrow, of ONNX Runtime alone", wanted=0.8, value=ratios["arrow_100"]),
        Bar(name="durable, times MLflow with scikit-learn", wanted=100.0, value=ratios["durable_of_mlflow"]),
        Bar(name="durable, times the best server with the same ONNX model", wanted=25.0, value=ratios["of_best_onnx"]),
    ]
    idle = report.get("growth", {}).get("idle_mb")
    return [*found, Bar(name="idle with one small model, MB", wanted=150.0, value=idle, most=True)]


def ratios(report: Mapping[str, Any]) -> dict[str, float | None]:
    """Podium against the limit, against ONNX Runtime alone, and against peers."""
    limit, podium = report["limit"], report["podium"]
    durable, queued = podium["durable"], podium["queued"]
    alone, alone_cpu = (report["onnxruntime_100"][key] for key in ("rows_per_s", "cpu_us_per_request"))
    peers = report.get("peers", {})
    best = max((one["c64_rps"] for one in peers.values() if _counts(one)), default=None)
    by_hand = max((one["c64_rps"] for one in peers.values() if one.get("by_hand") and one.get("c64_rps")), default=None)
    mlflow, mlflow_onnx = (peers.get(name, {}).get("c64_rps") for name in ("mlflow", "mlflow_onnx"))
    return {
        "durable_of_limit": over(durable["c64_rps"], _most(limit)),
        "queued_of_limit": over(queued["c64_rps"], _most(limit)),
        "durable_of_limit_by_cpu": over(limit["c64_cpu_us"], durable["c64_cpu_us"]),
        "queued_of_limit_by_cpu": over(limit["c64_cpu_us"], queued["c64_cpu_us"]),
        "c1_p50": over(queued["c1_p50_us"], limit["c1_p50_us"]),
        **{f"{form}_100": over(podium[f"{form}_100"]["rows_per_s"], alone) for form in FORMS},
        **{f"{form}_100_by_cpu": over(alone_cpu, podium[f"{form}_100"].get("cpu_us_per_request")) for form in FORMS},
        "durable_of_mlflow": over(durable["c64_rps"], mlflow),
        "of_best_onnx": over(durable["c64_rps"], best),
        "durable_of_mlflow_onnx": over(durable["c64_rps"], mlflow_onnx),
        "of_best_by_hand": over(durable["c64_rps"], by_hand),
    }


PLAIN = {
    "durable_of_mlflow_onnx": "MLflow with the same ONNX model",
    "of_best_by_hand": "the fastest code written by hand",
}
"""Ratios that are no bars, and whom they are to: told beside the bars, as those alone would make Podium look better."""


def _most(limit: Mapping[str, Any]) -> float | None:
    """Requests a second that the limit could answer: as measured, or as its CPU time allows if the client was slower.

    A client that cannot ask as fast as the limit answers would make a low limit of it, and everybody look good.
    """
    rps: float | None = limit["c64_rps"]
    cpu: float | None = limit["c64_cpu_us"]
    return max(rps, 1e6 / cpu) if rps and cpu else rps


def _counts(peer: Mapping[str, Any]) -> bool:
    """Whether a peer is a model server given the same ONNX model; code by hand is no server, and has its own ratio."""
    return peer.get("model") == "onnx" and not peer.get("by_hand") and peer.get("c64_rps") is not None


def over(part: float | None, whole: float | None) -> float | None:
    """A ratio to four significant digits; None where either is missing."""
    return None if part is None or not whole else float(f"{part / whole:.4g}")
