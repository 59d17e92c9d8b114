"""How cost grows with the work: rows, features, models, body size; and where it grows faster than the work."""

import itertools
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from podium.cli.bench import folder, measure, podium_scorer, process, runs, speed, work
from podium.cli.bench import model as models
from podium.core.errors import PodiumError
from podium.core.rollout import Durability

ROWS = (1, 10, 100, 1000)
FEATURES = (5, 25, 100, 500)
MODELS = (1, 10, 50)
BODIES = (2_000, 50_000, 200_000, 300_000, 1_000_000, 4_000_000, 15_500_000)
"""Bytes; a little less than the scorer's limit at the end."""
_LIMIT = 16 * 1024 * 1024
STEPS = 3 * len(ROWS) + len(FEATURES) + len(MODELS) + len(BODIES)
_CONNECTIONS = 4
CROWDS = (4, 64)
"""Connections with which many models are asked besides one."""
SHARE = 0.5
"""Of the seconds of other measurements: each run here, as there are many."""
_CLIFF = 1.5
"""A step whose cost for each unit is this many times the step's before is a cliff."""
_SETTLE_S = 2.0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of a series: how much work, what came of it, and the server's processor time for each unit.

    All are medians of the runs; `spread`: how far their processor times lay apart.
    """

    work: float
    p50_ms: float
    rows_per_s: float
    cpu_us: float
    each_us: float
    spread: float


def run(model: models.Model, plan: speed.Plan) -> dict[str, Any]:
    """The report's section `growth`."""
    found: dict[str, Any] = {}
    with podium_scorer.serving(_folder(plan, "rows"), [model], Durability.DURABLE) as server:
        time.sleep(_SETTLE_S)
        found["idle_mb"] = round(server.memory_mb(), 1)
        for form in ("json", "binary", "arrow"):
            found[f"rows_{form}"] = _rows(model, plan, server, form)
        found["body"] = _bodies(model, plan, server)
        found["after_load_mb"] = round(server.memory_mb(), 1)
    found["features"] = _features(plan)
    found["models"] = models_together(model, plan)
    return found


def cliffs(steps: Sequence[tuple[float, float]], unit: str) -> str:
    """Where the cost of a unit is over `_CLIFF` times that of the step before. `steps`: work, and cost of a unit."""
    found = [
        f"from {before[0]:,.0f} to {after[0]:,.0f}: {after[1] / before[1]:.2f} times as much for each {unit}"
        for before, after in itertools.pairwise(steps)
        if after[1] > _CLIFF * before[1]
    ]
    return (
        f"Cliff {'; '.join(found)}." if found else f"No cliff: the cost of each {unit} never grows by half in a step."
    )


def _folder(plan: speed.Plan, name: str) -> Path:
    made = plan.place / f"growth-{name}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    return made


def _rows(model: models.Model, plan: speed.Plan, server: process.Process, form: str) -> dict[str, Any]:
    def step(rows: int) -> Step:
        plan.say(f"{form}: {rows} rows a request")
        return _step(plan, server, speed.many_rows(model, rows)[form], rows)

    return _series(f"Rows a request, {form}, durable", ("rows", "row"), ROWS, step)


def _bodies(model: models.Model, plan: speed.Plan, server: process.Process) -> dict[str, Any]:
    row = len(work.oip_json(model.values(0, 200)).content) / 200

    def step(size: int) -> Step:
        plan.say(f"bodies of {size:,} bytes")
        rows = max(1, int(size / row))
        made = work.make(model, podium_scorer.path(), rows, work.oip_json, work.read_podium)
        return _step(plan, server, made, len(made.bodies[0].content), connections=1)

    found = _series("Bytes a body, JSON, durable, 1 connection", ("bytes", "byte"), BODIES, step)
    found["over_the_limit"] = measure.status(
        server, work.Body(b" " * (16 * 1024 * 1024 + 1), path=podium_scorer.path())
    )
    return found


def _features(plan: speed.Plan) -> dict[str, Any]:
    made = [models.make(features) for features in FEATURES]
    with podium_scorer.serving(_folder(plan, "features"), made, Durability.DURABLE) as server:

        def step(features: int) -> Step:
            plan.say(f"{features} features")
            at = FEATURES.index(features)
            path = podium_scorer.path(folder.name(at))
            return _step(
                plan, server, work.make(made[at], path, 1, work.oip_json, work.read_podium), features
            )  # fmt: skip

        return _series("Features of a row, one row, JSON, durable", ("features", "feature"), FEATURES, step)


def models_together(model: models.Model, plan: speed.Plan, counts: Sequence[int] = MODELS) -> dict[str, Any]:
    """With one connection a batch is one row, however many models there are; with several, rows of one model meet in a
    batch and rows of many do not, so that those cost more although the models cost nothing: both are measured.
    """
    more: dict[int, dict[str, float]] = {}

    def step(count: int) -> Step:
        plan.say(f"{count} models in one scorer")
        place = _folder(plan, "models")
        with podium_scorer.serving(place, [model] * count, Durability.DURABLE) as server:
            proven = server.cpu_seconds()
        with podium_scorer.serving(place, [model] * count, Durability.DURABLE) as server:
            used = server.cpu_seconds()
            time.sleep(_SETTLE_S)
            idle = server.memory_mb()
            each = [
                work.make(model, podium_scorer.path(folder.name(at)), 1, work.oip_json, work.read_podium)
                for at in range(count)
            ]
            together = work.together(each)
            found = _step(plan, server, together, 1, connections=1)
            crowds = {connections: _step(plan, server, together, 1, connections) for connections in CROWDS}
            more[count] = {
                "idle_MB": round(idle, 1),
                "answered_MB": round(server.memory_mb(), 1),
                "first_start_cpu_s": round(proven, 2),
                "start_cpu_s": round(used, 2),
                **{f"cpu_us_c{connections}": crowd.cpu_us for connections, crowd in crowds.items()},
                **{f"rows_per_s_c{connections}": crowd.rows_per_s for connections, crowd in crowds.items()},
            }
        shutil.rmtree(place)
        return msgspec.structs.replace(found, work=count)

    found = _series(
        "Models in one scorer, requests to all in turn, one row, JSON, durable, 1 connection",
        ("models", "request"),
        counts,
        step,
    )
    steps = list(zip(found["steps"], counts, strict=False))
    for line, count in steps:
        del line["each_us"]  # a request is the unit
        line |= more[count]
    for connections in CROWDS:
        costs = [(count, line[f"cpu_us_c{connections}"]) for count, line in more.items()]
        meet = "requests to one model share a batch"
        found["said"] += f" With {connections} connections, where {meet}: {cliffs(costs, 'request')}"
        alone = max(more[count][f"cpu_us_c{connections}"] / line["cpu_us"] for line, count in steps)
        found["said"] += f" None costs more than {alone:.2f} of what one alone does, over 1 connection."
    if counts[-1] in more:
        first, last = more[counts[0]], more[counts[-1]]
        grown = {key: (last[key] - first[key]) / (counts[-1] - counts[0]) for key in ("idle_MB", "answered_MB")}
        found["mb_per_model"] = {key: round(mb, 3) for key, mb in grown.items()}
        found["said"] += (
            f" Each further model takes {grown['answered_MB']:.2f} MB once all have answered, and "
            f"{grown['idle_MB']:.2f} MB before any was asked."
        )
    return found


def _step(
    plan: speed.Plan, server: process.Process, made: work.Work, units: float, connections: int = _CONNECTIONS
) -> Step:
    needles = measure.prove(server, made)
    seconds = plan.seconds * SHARE
    return summed([measure.load(server, made, needles, connections, seconds) for _ in range(plan.repeats)], units)


def summed(found: Sequence[measure.Figures], units: float) -> Step:
    """A step of its runs: their medians."""
    cpu_us = statistics.median(run.cpu_us for run in found)
    return Step(
        work=units,
        p50_ms=round(statistics.median(run.p50_us for run in found) / 1000, 4),
        rows_per_s=round(statistics.median(run.rows_per_s for run in found)),
        cpu_us=round(cpu_us, 1),
        each_us=round(cpu_us / units, 5),
        spread=round(runs.Series(runs=list(found)).spread("cpu_us") or 0.0, 3),
    )


def _series(title: str, words: tuple[str, str], values: Sequence[int], step: Callable[[int], Step]) -> dict[str, Any]:
    """A series, as far as it went; `stopped` says why it went no further. `words`: what grows, what cost is told of."""
    counted, unit = words
    steps, stopped = [], ""
    for value in values:
        try:
            steps.append(step(value))
        except (measure.NotOffered, measure.Wrong, PodiumError) as problem:
            stopped = f"{value:,}: {problem}"
            break
    costs = [(one.work, one.each_us) for one in steps]
    found = {"title": title, "counted": counted, "unit": unit, "steps": msgspec.to_builtins(steps)}
    found["said"] = cliffs(costs, unit)
    return found | ({"stopped": stopped, "said": f"{found['said']} Stopped at {stopped}"} if stopped else {})
