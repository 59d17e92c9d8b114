"""Other model servers, each in an environment of its own, with the same model and the same rows.

A peer that does not install, start or answer as the model does is reported with the reason, and has no figure.
"""

import pickle
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from podium.bundle import layout
from podium.cli.bench import measure, process, runs, work
from podium.cli.bench.model import Model
from podium.cli.bench.peers import environment
from podium.cli.bench.peers.known import Peer
from podium.cli.bench.speed import Plan
from podium.core.config import Config
from podium.core.errors import PodiumError, Unavailable
from podium.server import settings

SCRIPTS = Path("benches") / "peers"
"""Where the peers' server scripts are, in a checkout of the source."""
_START_S = 120.0
_SILENT = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""No peer tells its makers of the run."""
_LONGER = 2
"""Peers answer few requests a second: they are measured for longer."""


class NotStarted(Unavailable):
    """A peer's server has ended before it answered."""


def check(peers: Sequence[Peer]) -> None:
    """Raise `Unavailable` where peers are wanted and their server scripts are not here."""
    if peers and not SCRIPTS.is_dir():
        raise Unavailable(
            "The peers' server scripts are not part of the installed package.",
            field="peers",
            fix="Run this in a checkout of Podium's source, where the folder benches/ is.",
        )


def run(model: Model, peers: Sequence[Peer], plan: Plan, environments: Path) -> dict[str, Any]:
    """The report's section `peers`: one at a time is installed, started, proven, measured and stopped."""
    check(peers)
    files = _files(model, plan.place / "peers")
    found = {}
    for peer in peers:
        try:
            figures = _one(model, peer, plan, (environments, files))
        except (PodiumError, measure.Wrong, measure.NotOffered, OSError, subprocess.SubprocessError) as problem:
            figures = {"c64_rps": None, "c64_p99_ms": None, "reason": str(problem)[:400]}
        found[peer.name] = {"title": peer.title, "model": peer.model, "by_hand": peer.by_hand, **figures}
    return found


def _one(model: Model, peer: Peer, plan: Plan, places: tuple[Path, Path]) -> dict[str, Any]:
    plan.say(f"{peer.title}: installing")
    python = environment.install(peer, places[0])
    try:
        return _measured(model, peer, plan, python, places[1])
    except NotStarted:  # the port may have been taken meanwhile: some peers choose others of theirs by chance
        return _measured(model, peer, plan, python, places[1])


def _measured(model: Model, peer: Peer, plan: Plan, python: Path, files: Path) -> dict[str, Any]:
    made = work.make(model, peer.path, 1, peer.write, peer.read)
    port = process.free_port()
    command = [str(python), str((SCRIPTS / peer.script).resolve()), "--files", str(files), "--model", peer.model]
    command += ["--port", str(port), *(["--batching"] if peer.batching else [])]
    log = plan.place / "peers" / f"{peer.name}.log"
    with process.serving(
        command, log=log, environment=settings.as_environment(Config()) | _SILENT, folder=files
    ) as server:
        server.port = port
        plan.say(f"{peer.title}: starting")
        needles = _when_up(server, made)
        series: dict[int, list[measure.Figures]] = {1: [], 64: []}
        for repeat in range(plan.repeats):
            for connections, found in series.items():
                plan.say(f"{peer.title}: {connections} connections, run {repeat + 1} of {plan.repeats}")
                seconds = plan.seconds * (1 if connections == 1 else _LONGER)
                found.append(measure.load(server, made, needles, connections, seconds))
        memory = server.memory_mb()
    kept = {count: runs.Series(runs=found) for count, found in series.items()}
    return {
        **runs.figures(kept[1], "c1"),
        **runs.figures(kept[64], "c64"),
        "memory_mb": round(memory),
        "versions": environment.versions(peer, python),
    }


def _when_up(server: process.Process, made: work.Work) -> list[bytes]:
    """What the load must find in the answers, as soon as the peer gives the right ones."""
    deadline = time.monotonic() + _START_S
    while True:
        try:
            return measure.prove(server, made)
        except (measure.Wrong, measure.NotOffered) as problem:
            if server.ended():
                raise NotStarted(f"It did not start: {server.last_words()}", field="server") from problem
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _files(model: Model, folder: Path) -> Path:
    """The model as the peers' scripts read it. The pickle is ours, made a moment ago, and read by them alone."""
    folder.mkdir(parents=True, exist_ok=True)
    described = layout.of(model.signature)
    names = {
        "all": [field.name for field in model.signature.features],
        "numbers": described.numbers,
        "texts": described.texts,
    }
    (folder / "features.json").write_bytes(msgspec.json.encode(names))
    (folder / "model.onnx").write_bytes(model.onnx)
    (folder / "model.pkl").write_bytes(pickle.dumps(model.estimator))
    return folder.resolve()
