"""What the year was worth: the loop beside version 1, never touched, month by month, on the same flights."""

import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from podium.bundle import columns
from podium.bundle.runtime import Runtime
from podium.core import prediction, project, run
from podium.measures.business import cost
from podium.measures.performance import auc, brier, compare, interval, log_loss

_NEW_YORK_HOURS = 5
NEEDED = ("prediction_id", "at", "version", "role", "key", "score", "threshold", "decision", "outcome")


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a month. The intervals are at 95 %."""

    auc: float
    log_loss: float
    brier: float
    cost: float
    intervals: dict[str, run.Interval]


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """A month of flights, scored by the loop and by version 1. `saved` is paired on the same flights."""

    month: str
    rows: int
    loop: Figures
    static: Figures
    champion: int
    """The version that decided most of the month's flights."""
    deciders: dict[str, int]
    """Flights decided, by version."""
    saved: run.Interval
    """Cost saved per flight by the loop."""
    verdict: str


class Static:
    """Version 1, never touched: scored on the features that were logged, by the bundle that was registered."""

    def __init__(self, runtime: Runtime, threshold: float) -> None:
        self.runtime = runtime
        self.threshold = threshold

    def score(self, table: pa.Table) -> npt.NDArray[np.float64]:
        return self.runtime.predict(columns.from_log(self.runtime.manifest.signature, table))


def wanted_columns(runtime: Runtime) -> tuple[str, ...]:
    """The log's columns that a month needs."""
    features = runtime.manifest.signature.features
    return (*NEEDED, *(prediction.FEATURE_PREFIX + field.name for field in features))


def months(begin: datetime, end: datetime) -> list[tuple[str, datetime, datetime]]:
    """The calendar months of New York (standard time) within a story, with their bounds."""
    found, year, number = [], begin.year, begin.month
    while (start := datetime(year, number, 1, _NEW_YORK_HOURS, tzinfo=UTC)) < end:
        year, number = (year + 1, 1) if number == 12 else (year, number + 1)
        stop = min(end, datetime(year, number, 1, _NEW_YORK_HOURS, tzinfo=UTC))
        found.append((f"{start:%Y-%m}", start, stop))
    return found


def month(
    name: str, table: pa.Table, static: Static, costs: project.CostsPart
) -> tuple[Month | None, npt.NDArray[np.float64]]:
    """Measure a month's matured flights on both sides (None when too few); and what each flight saved, shape [n]."""
    table = table.filter(pc.is_valid(table.column("outcome")))
    if len(table) < 2:
        return None, np.empty(0)
    target = table.column("outcome").to_numpy().astype(np.float64)
    if target.min() == target.max():
        return None, np.empty(0)
    by_loop = table.column("score").to_numpy()
    acted = table.column("decision").to_numpy(zero_copy_only=False).astype(bool)
    by_static = static.score(table)
    loop_costs = cost.losses(target, acted, costs)
    static_costs = cost.losses(target, by_static >= static.threshold, costs)
    saved = compare.losses(static_costs, loop_costs)
    if saved is None:
        return None, np.empty(0)
    versions, counts = np.unique(table.column("version").to_numpy(), return_counts=True)
    found = Month(
        month=name,
        rows=len(table),
        loop=_figures(target, by_loop, loop_costs),
        static=_figures(target, by_static, static_costs),
        champion=int(versions[counts.argmax()]),
        deciders={str(version): int(count) for version, count in zip(versions, counts, strict=True)},
        saved=saved,
        verdict=_verdict(saved),
    )
    return found, static_costs - loop_costs


def _figures(target: Any, score: Any, costs: npt.NDArray[np.float64]) -> Figures:
    found = {
        "auc": interval.auc(target, score),
        "log_loss": interval.mean(log_loss.losses(target, score)),
        "brier": interval.mean(brier.losses(target, score)),
        "cost_per_flight": interval.mean(costs),
    }
    return Figures(
        auc=_number(auc.auc(target, score)),
        log_loss=_number(log_loss.log_loss(target, score)),
        brier=_number(brier.brier(target, score)),
        cost=float(costs.sum()),
        intervals={name: item for name, item in found.items() if item is not None},
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _verdict(saved: run.Interval) -> str:
    if saved.low > 0:
        return "helped"
    return "harmed" if saved.high < 0 else "no sure difference"
