"""How cost grows with the work: rows, features, models, body size; and where it grows faster than the work."""

import itertools
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from podium.cli.bench import folder, measure, podium_scorer, process, speed, work
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
_CLIFF = 1.5
"""A step whose cost for each unit is this many times the step's before is a cliff."""
_SETTLE_S = 2.0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of a series: how much work, what came of it, and the server's processor time for each unit."""

    work: float
    p50_ms: float
    rows_per_s: float
    cpu_us: float
    each_us: float


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
    found["models"] = _models(model, plan)
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


def _models(model: models.Model, plan: speed.Plan) -> dict[str, Any]:
    """With one connection a batch is one row, however many models there are; with several, rows of one model meet in a
    batch and rows of many do not, so that those cost more although the models cost nothing: both are measured.
    """
    started: dict[int, dict[str, float]] = {}

    def step(count: int) -> Step:
        plan.say(f"{count} models in one scorer")
        place = _folder(plan, "models")
        with podium_scorer.serving(place, [model] * count, Durability.DURABLE) as server:
            proven = server.cpu_seconds()
        with podium_scorer.serving(place, [model] * count, Durability.DURABLE) as server:
            used = server.cpu_seconds()
            time.sleep(_SETTLE_S)
            started[count] = {
                "idle_MB": round(server.memory_mb(), 1),
                "first_start_cpu_s": round(proven, 2),
                "start_cpu_s": round(used, 2),
            }
            each = [
                work.make(model, podium_scorer.path(folder.name(at)), 1, work.oip_json, work.read_podium)
                for at in range(count)
            ]
            found = _step(plan, server, work.together(each), 1, connections=1)
            started[count]["cpu_us_together"] = _step(plan, server, work.together(each), 1).cpu_us
        shutil.rmtree(place)
        return msgspec.structs.replace(found, work=count)

    found = _series(
        "Models in one scorer, requests to all in turn, one row, JSON, durable, 1 connection",
        ("models", "request"),
        MODELS,
        step,
    )
    for line, count in zip(found["steps"], MODELS, strict=False):
        line |= started[count]
    met = [(count, started[count]["cpu_us_together"]) for count in started if "cpu_us_together" in started[count]]
    found["said"] += (
        f" With {_CONNECTIONS} connections, as requests to one model share a batch: {cliffs(met, 'request')}"
    )
    if MODELS[-1] in started:
        apart = started[MODELS[-1]]["idle_MB"] - started[MODELS[0]]["idle_MB"]
        found["mb_per_model"] = round(apart / (MODELS[-1] - MODELS[0]), 3)
        found["said"] += f" Each further model takes {found['mb_per_model']:.2f} MB."
    return found


def _step(
    plan: speed.Plan, server: process.Process, made: work.Work, units: float, connections: int = _CONNECTIONS
) -> Step:
    needles = measure.prove(server, made)
    found = measure.load(server, made, needles, connections, plan.seconds)
    return Step(
        work=units,
        p50_ms=round(found.p50_us / 1000, 4),
        rows_per_s=round(found.rows_per_s),
        cpu_us=round(found.cpu_us, 1),
        each_us=round(found.cpu_us / units, 5),
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
