"""One run, side by side: the limit, Podium durable and queued, its forms for many rows, and ONNX Runtime alone."""

import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from podium.cli.bench import alone, bars, measure, podium_scorer, process, runs, work
from podium.cli.bench.model import Model
from podium.core.errors import PodiumError
from podium.core.rollout import Durability

MANY = 100
MANY_CONNECTIONS = 64


class Plan(NamedTuple):
    """How long and how often to measure, and where to keep what is made for it."""

    seconds: float
    repeats: int
    place: Path
    say: Callable[[str], None]


class Line(NamedTuple):
    """One figure's server, work and connections."""

    name: str
    server: process.Process
    work: work.Work
    connections: int
    grpc_port: int = 0
    """Where it is driven over gRPC; 0: over HTTP."""

    def prove(self) -> list[bytes]:
        """What the answers must hold; see `measure.prove`."""
        if not self.grpc_port:
            return measure.prove(self.server, self.work)
        from podium.cli.bench import rpc

        return rpc.prove(f"{self.server.host}:{self.grpc_port}", self.work)

    def load(self, needles: list[bytes], seconds: float) -> measure.Figures:
        """One run."""
        client = measure.GRPC if self.grpc_port else measure.HTTP
        return measure.load(
            self.server, self.work, needles, self.connections, seconds, client=client, port=self.grpc_port
        )


def run(model: Model, plan: Plan) -> dict[str, Any]:
    """The report's sections `limit`, `podium` and `onnxruntime_100`. All servers run; one at a time is driven."""
    with ExitStack() as stack:
        lines, found = _lines(model, plan, stack)
        series: dict[str, list[measure.Figures]] = {line.name: [] for line in lines}
        needles = {line.name: line.prove() for line in lines}
        calls: list[alone.Found] = []
        for repeat in range(plan.repeats):
            for line in lines:
                plan.say(f"{line.name.replace('_', ' ')}, run {repeat + 1} of {plan.repeats}")
                series[line.name].append(line.load(needles[line.name], plan.seconds))
            plan.say(f"ONNX Runtime alone, run {repeat + 1} of {plan.repeats}")
            calls.append(_alone(model, plan.seconds, MANY))
        kept = {name: runs.Series(runs=figures) for name, figures in series.items()}
    return _report(kept, found, calls)


def _lines(model: Model, plan: Plan, stack: ExitStack) -> tuple[list[Line], dict[str, str]]:
    """What can be measured, and for each form that is not offered the reason."""
    ports = {kind: process.free_port() for kind in Durability}
    servers = {kind: stack.enter_context(_scorer(model, plan.place, kind, ports[kind])) for kind in Durability}
    one = work.make(model, podium_scorer.path(), 1, work.oip_json, work.read_podium)
    limit = stack.enter_context(_limit(servers[Durability.DURABLE], one, plan.place))
    same = one._replace(expected=[one.expected[0]] * len(one.expected))
    lines = [Line(f"limit_c{count}", limit, same, count) for count in (1, 64)]
    lines += [Line(f"{kind.value}_c{count}", servers[kind], one, count) for kind in Durability for count in (1, 64)]
    missing: dict[str, str] = {}
    forms = many_rows(model, MANY)
    try:
        forms["grpc"] = _over_grpc(model, MANY)
    except PodiumError as problem:
        missing[f"grpc_{MANY}"] = str(problem)
    for name, made in forms.items():
        for kind in Durability:
            port = ports[kind] if name == "grpc" else 0
            line = Line(f"{name}_{MANY}_{kind.value}", servers[kind], made, MANY_CONNECTIONS, port)
            try:
                line.prove()
                lines.append(line)
            except measure.NotOffered as problem:
                missing[f"{name}_{MANY}"] = f"not offered ({problem})"
            except measure.Wrong as problem:
                missing[f"{name}_{MANY}"] = str(problem)
    return lines, missing


def many_rows(model: Model, rows: int) -> dict[str, work.Work]:
    """The forms in which many rows can be sent."""
    return {
        "json": work.make(model, podium_scorer.path(), rows, work.oip_json, work.read_podium),
        "binary": work.make(model, podium_scorer.path(), rows, work.oip_binary, work.read_podium),
        "arrow": work.make(model, podium_scorer.arrow_path(), rows, work.arrow, work.read_podium),
    }


def _over_grpc(model: Model, rows: int) -> work.Work:
    """The same rows as messages; `Unavailable` without its packages."""
    from podium.cli.bench import rpc, rpc_load

    return work.make(model, rpc_load.METHOD, rows, rpc.write, rpc.read)


@contextmanager
def _scorer(model: Model, place: Path, kind: Durability, grpc_port: int) -> Iterator[process.Process]:
    own = place / kind.value
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    with podium_scorer.serving(own, [model], kind, more=("--grpc-port", str(grpc_port))) as made:
        yield made


@contextmanager
def _limit(scorer: process.Process, one: work.Work, place: Path) -> Iterator[process.Process]:
    """The constant server, whose answer is one of the scorer's, byte for byte."""
    answer = measure.fetch(scorer, one.requests()[0])
    command = [sys.executable, "-m", "podium.cli.bench.limit"]
    with process.serving(command, log=place / "limit.log", given=answer) as made:
        made.listening()
        yield made


def _alone(model: Model, seconds: float, rows: int) -> alone.Found:
    """ONNX Runtime alone, on the server's core."""
    spec = alone.Spec(
        onnx=model.onnx,
        signature=model.signature,
        requests=[model.values(start, rows) for start in work.starts(rows)],
        seconds=seconds,
        core=process.cores()[0],
    )
    made = subprocess.run(
        [sys.executable, "-m", "podium.cli.bench.alone"],
        input=msgspec.msgpack.encode(spec),
        capture_output=True,
        check=True,
    )
    return msgspec.msgpack.decode(made.stdout, type=alone.Found)


def _report(kept: dict[str, runs.Series], missing: dict[str, str], calls: list[alone.Found]) -> dict[str, Any]:
    podium: dict[str, Any] = {
        kind.value: {
            **runs.figures(kept[f"{kind.value}_c1"], "c1"),
            **runs.figures(kept[f"{kind.value}_c64"], "c64"),
        }
        for kind in Durability
    }
    for name in bars.FORMS:
        key = f"{name}_{MANY}"
        none = runs.Series(reason=missing.get(key, "not measured"))
        podium[key] = runs.rates(kept.get(f"{key}_durable", none))
        queued = runs.rates(kept.get(f"{key}_queued", none))
        podium[key] |= {f"queued_{field}": queued.get(field) for field in ("rows_per_s", "cpu_us_per_request")}
    rates = [round(call.calls_per_s * MANY) for call in calls]
    return {
        "limit": {**runs.figures(kept["limit_c1"], "c1"), **runs.figures(kept["limit_c64"], "c64")},
        "podium": podium,
        f"onnxruntime_{MANY}": {
            "rows_per_s": round(statistics.median(rates)),
            "cpu_us_per_request": round(statistics.median(call.cpu_us for call in calls), 1),
            "runs": rates,
        },
    }
