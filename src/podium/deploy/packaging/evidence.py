"""What a run and its proof say, under the names that gates see."""

from typing import Any

import msgspec

from podium.core import bundle, run
from podium.deploy.packaging import proof


def contents(result: run.Result, parity: bundle.Parity) -> dict[str, dict[str, Any]]:
    """The evidence of a version by name: metrics, slices, parity, latency, cost, rows; review, if people decide;
    fairness, if asked for."""
    band = result.review
    referred = {} if band is None else {"review": {"low": band.low, "high": band.high, "share": result.referred}}
    unlike = {"fairness": msgspec.to_builtins(result.fairness)} if result.fairness else {}
    return (
        referred
        | unlike
        | {
            "metrics": msgspec.to_builtins(result.metrics),
            "slices": msgspec.to_builtins(result.slices),
            "parity": msgspec.to_builtins(parity),
            "latency": {"one_row_us": result.feature_latency_us},
            "cost": dict(result.baseline_cost),
            "rows": dict(result.rows),
        }
    )


def explained(proven: proof.Proven) -> dict[str, dict[str, Any]]:
    """How far contributions were from adding up to the golden rows' scores; empty where there are only estimates."""
    if proven.explanation is None:
        return {}
    return {"explanation": {"exact": True, "max_abs_error": proven.explanation}}


def of_champion(number: int, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What gates may compare with: the champion's number, its metrics and cost, from its own evidence."""
    return {"version": number, "metrics": known.get("metrics", {}), "cost": known.get("cost", {})}
