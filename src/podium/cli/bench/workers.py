"""Several scorer processes on one port: whether two do twice as much as one.

With requests of many rows the load costs little, so that two cores are free for two processes.
"""

import os
import shutil
import statistics
from typing import Any

from podium.cli.bench import measure, podium_scorer, runs, speed, work
from podium.cli.bench.model import Model
from podium.core.errors import PodiumError
from podium.core.rollout import Durability

COUNTS = (1, 2)
_CONNECTIONS = 16


def run(model: Model, plan: speed.Plan) -> dict[str, Any]:
    """The report's section `workers`: rows a second of one and of two processes, both free to use all cores."""
    found: dict[str, Any] = {}
    for count in COUNTS:
        place = plan.place / f"workers-{count}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        more = ("--workers", str(count)) if count > 1 else ()
        try:
            found[str(count)] = _one(model, plan, place, more)
        except (PodiumError, measure.Wrong) as problem:
            found[str(count)] = {"rows_per_s": None, "reason": str(problem)[:300]}
    one, two = (found[str(count)]["rows_per_s"] for count in COUNTS)
    found["scales"] = round(two / one, 3) if one and two else None
    found["cores"] = len(os.sched_getaffinity(0))
    return found


def _one(model: Model, plan: speed.Plan, place: Any, more: tuple[str, ...]) -> dict[str, Any]:
    on = sorted(os.sched_getaffinity(0))
    with podium_scorer.serving(place, [model], Durability.DURABLE, more=more, on=on) as server:
        many = work.make(model, podium_scorer.path(), speed.MANY, work.oip_json, work.read_podium)
        one = work.make(model, podium_scorer.path(), 1, work.oip_json, work.read_podium)
        needles = measure.prove(server, many), measure.prove(server, one)
        rows, single = [], []
        for repeat in range(plan.repeats):
            plan.say(f"{' '.join(more) or '--workers 1'}, run {repeat + 1} of {plan.repeats}")
            rows.append(measure.load(server, many, needles[0], _CONNECTIONS, plan.seconds))
            single.append(measure.load(server, one, needles[1], 64, plan.seconds))
        memory = server.memory_mb()
    return {
        **runs.rates(runs.Series(runs=rows)),
        **runs.figures(runs.Series(runs=single), "c64"),
        "memory_mb": round(memory),
        "load_core_shared": statistics.median(figures.busy for figures in single),
    }
