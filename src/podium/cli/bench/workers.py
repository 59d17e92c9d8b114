"""Several scorer processes on one port: whether two do twice as much as one.

The load needs a part of the same cores, so two processes never have twice as much of them as one. Hence the question is
asked in two: how much of the cores each number of processes took, and how much they did with each core's worth of it.
Processes that wait for each other, or for the same disk, show in the first; what they cost each other in the second.
"""

import os
import shutil
import statistics
from typing import Any

from podium.cli.bench import bars, measure, podium_scorer, runs, speed, work
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
    return found | scaling(*(found[str(count)] for count in COUNTS)) | {"cores": len(os.sched_getaffinity(0))}


def scaling(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """Of two processes over one: rows a second (`scales`), cores that they took (`took`), and rows for each core's
    worth of processor time (`keeps`: 1 is linear).
    """
    if not one["rows_per_s"] or not two["rows_per_s"]:
        return {"scales": None, "took": None, "keeps": None}
    return {
        "scales": bars.over(two["rows_per_s"], one["rows_per_s"]),
        "took": bars.over(two["cores"], one["cores"]),
        "keeps": bars.over(one["cpu_us_per_request"], two["cpu_us_per_request"]),
    }


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
        "cores": round(statistics.median(figures.rps * figures.cpu_us / 1e6 for figures in rows), 3),
        **runs.figures(runs.Series(runs=single), "c64"),
        "memory_mb": round(memory),
        "load_core_shared": statistics.median(figures.busy for figures in single),
    }
