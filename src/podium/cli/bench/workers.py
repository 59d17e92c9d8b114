"""Several scorer processes on one port: whether two do twice as much as one.

The load needs a part of the same cores, so two processes never have twice as much of them as one. Hence the question is
asked in two: how much of the cores each number of processes took, and how much they did with each core's worth of it.
Processes that wait for each other, or for the same disk, show in the first; what they cost each other in the second.

It is asked for 100 rows a request, and for one. With one row it is asked twice: 64 connections in all leave each of two
processes half as many, whose rows meet in smaller batches; with 64 connections a process both have what one alone has.
"""

import os
import shutil
import statistics
from pathlib import Path
from typing import Any

from podium.cli.bench import bars, measure, podium_scorer, runs, speed, work
from podium.cli.bench.model import Model
from podium.core.errors import PodiumError, Refused
from podium.core.rollout import Durability

COUNTS = (1, 2)
_CONNECTIONS = 16
EACH = 64
"""Connections of one row a request, in all and for each process."""
ONE_ROW = {"in_all": "c64", "each": "each64"}
"""How the figures of one row a request are called: with so many connections in all, and for each process."""


def run(model: Model, plan: speed.Plan) -> dict[str, Any]:
    """The report's section `workers`: what one and two processes do a second, both free to use all cores."""
    found: dict[str, Any] = {}
    for count in COUNTS:
        place = plan.place / f"workers-{count}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            found[str(count)] = _one(model, plan, place, count)
        except (PodiumError, measure.Wrong) as problem:
            found[str(count)] = {"rows_per_s": None, "reason": str(problem)[:300]}
    return found | judged(*(found[str(count)] for count in COUNTS)) | {"cores": len(os.sched_getaffinity(0))}


def judged(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """How two processes stand to one: with 100 rows a request, and under `one_row` with one."""
    keys = {way: (f"{name}_rps", f"{name}_cores", f"{name}_cpu_us") for way, name in ONE_ROW.items()}
    rows = scaling(one, two, ("rows_per_s", "cores", "cpu_us_per_request"))
    return rows | {"one_row": {way: scaling(one, two, names) for way, names in keys.items()}}


def scaling(one: dict[str, Any], two: dict[str, Any], names: tuple[str, str, str]) -> dict[str, float | None]:
    """Of two processes over one: what they do a second (`scales`), cores that they took (`took`), and what they do with
    each core's worth of processor time (`keeps`: 1 is linear). `names`: what they do, cores, time for a request.
    """
    done, cores, cpu_us = names
    if not one.get(done) or not two.get(done):
        return {"scales": None, "took": None, "keeps": None}
    return {
        "scales": bars.over(two[done], one[done]),
        "took": bars.over(two[cores], one[cores]),
        "keeps": bars.over(one[cpu_us], two[cpu_us]),
    }


def _one(model: Model, plan: speed.Plan, place: Path, count: int) -> dict[str, Any]:
    on = sorted(os.sched_getaffinity(0))
    more = ("--workers", str(count)) if count > 1 else ()
    with podium_scorer.serving(place, [model], Durability.DURABLE, more=more, on=on) as server:
        many = work.make(model, podium_scorer.path(), speed.MANY, work.oip_json, work.read_podium)
        one = work.make(model, podium_scorer.path(), 1, work.oip_json, work.read_podium)
        needles = measure.prove(server, many), measure.prove(server, one)
        rows, in_all, each = [], [], []
        reason = ""
        for repeat in range(plan.repeats):
            plan.say(f"--workers {count}, run {repeat + 1} of {plan.repeats}")
            rows.append(measure.load(server, many, needles[0], _CONNECTIONS, plan.seconds))
            in_all.append(measure.load(server, one, needles[1], EACH, plan.seconds))
            if count > 1 and not reason:  # with one it is the same
                try:
                    each.append(measure.load(server, one, needles[1], EACH * count, plan.seconds))
                except Refused as problem:
                    each, reason = [], str(problem)
        memory = server.memory_mb()
    return {
        **runs.rates(runs.Series(runs=rows)),
        "cores": _cores(rows),
        **_single(in_all, ONE_ROW["in_all"]),
        **_single(in_all if count == 1 else each, ONE_ROW["each"], reason),
        "memory_mb": round(memory),
        "load_core_shared": statistics.median(figures.busy for figures in in_all),
    }


def _single(found: list[measure.Figures], name: str, reason: str = "") -> dict[str, Any]:
    """With one row a request; only the reason where a run failed.

    The kernel deals connections out to processes by chance: where one has more than may always be under way, and the
    machine is slow at the moment, it turns some away.
    """
    cores = {f"{name}_cores": _cores(found)} if found else {}
    return runs.figures(runs.Series(runs=found, reason=reason), name) | cores


def _cores(found: list[measure.Figures]) -> float:
    """How many cores the processes took, all together."""
    return round(statistics.median(figures.rps * figures.cpu_us / 1e6 for figures in found), 3)
