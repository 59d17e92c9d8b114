"""A row for each kind of model that a scorer executes: the same features and protocol, whatever runs behind them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from podium.cli.bench import kinds, measure, podium_scorer, process, runs, speed, work
from podium.cli.bench.model import Model
from podium.core.errors import PodiumError
from podium.core.rollout import Durability

_CONNECTIONS = ((1, 64), (speed.MANY, 8))
_LISTED = """["127.0.0.1"]
http = true
"""


def run(model: Model, plan: speed.Plan) -> dict[str, Any]:
    """The report's section `engines`: each kind served by a scorer of its own, log durable."""
    found = {}
    with podium_scorer.serving(_folder(plan, "vendor"), [model], Durability.QUEUED) as vendor:
        address = f"http://{vendor.host}:{vendor.port}{podium_scorer.path()}"
        for kind in kinds.ALL:
            try:
                if kind.program and shutil.which(kind.program) is None:
                    raise measure.NotOffered(f"{kind.program} is not installed")
                figures = _one(kind, kind.make(model, address), plan)
            except (PodiumError, measure.Wrong, measure.NotOffered) as problem:
                figures = {"c64_rps": None, "reason": str(problem)[:300]}
            found[kind.name] = {"title": kind.title, "content": kind.content, **figures}
    return found


def _folder(plan: speed.Plan, name: str) -> Path:
    made = plan.place / f"engine-{name}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    return made


def _one(kind: kinds.Kind, made: Model, plan: speed.Plan) -> dict[str, Any]:
    plan.say(f"engine: {kind.title}")
    place = _folder(plan, kind.name)
    with podium_scorer.serving(place, [made], Durability.DURABLE, home=_home(plan)) as server:
        series = {rows: list(_runs(made, rows, server, count, plan)) for rows, count in _CONNECTIONS}
        memory = server.memory_mb()
    many = runs.rates(runs.Series(runs=series[speed.MANY]))
    return {
        **runs.figures(runs.Series(runs=series[1]), "c64"),
        **{f"rows_{speed.MANY}_{key}": value for key, value in many.items()},
        "memory_mb": round(memory),
    }


def _runs(made: Model, rows: int, server: process.Process, count: int, plan: speed.Plan) -> Iterator[measure.Figures]:
    works = work.make(made, podium_scorer.path(), rows, work.oip_json, work.read_podium)
    needles = measure.prove(server, works)
    for _ in range(plan.repeats):
        yield measure.load(server, works, needles, count, plan.seconds)


def _home(plan: speed.Plan) -> Path:
    """A home whose owner lists this machine as a service; environments of models are kept there too."""
    made = plan.place / "home"
    listed = made / ".config" / "podium" / "external.toml"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text(_LISTED)
    listed.chmod(0o600)
    return made.resolve()
