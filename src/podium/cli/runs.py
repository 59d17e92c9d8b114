"""`runs`: what was trained, with what, and how it turned out."""

from typing import Annotated, Any

import typer

from podium.cli import address, console
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core import run

app = typer.Typer(help="Runs: executions of the training code.", no_args_is_help=True)
RunId = Annotated[str, typer.Argument(metavar="RUN", help="MODEL/NUMBER, or its id.")]
_PARTS = ("test", "validation", "train")
_NETWORK = {
    "off": "none",
    "declared": "as the project file declares it",
    "open": "open: this system cannot take it away",
}


@app.command("list")
def list_runs(
    model: Annotated[str, typer.Option(help="Only this model's.")] = "", project: Project = "", json: Json = False
) -> None:
    """List runs, newest first.

    Example: podium runs list --model flight-delay
    """
    with session(project) as client:
        found = client.runs.list(model=model or None)
    rows = [
        (
            item.id,
            item.model,
            item.number,
            item.state,
            _headline(item),
            console.when(item.created_us),
            item.created_by,
            item.reason,
        )
        for item in found
    ]
    console.table(found, ("id", "model", "run", "state", "test", "when", "by", "why"), rows)


@app.command("show")
def show_one(identifier: RunId, project: Project = "", json: Json = False) -> None:
    """Show a run: its inputs, metrics with intervals, and proof of parity.

    Example: podium runs show churn/3
    """
    with session(project) as client:
        found = client.runs.get(address.run(client, identifier))
    show(found)


@app.command("log")
def log(identifier: RunId, project: Project = "", json: Json = False) -> None:
    """Print what the training code printed.

    Example: podium runs log churn/3
    """
    with session(project) as client:
        text = client.runs.log(address.run(client, identifier))
    if json:
        console.print_json({"log": text})
    else:
        console.out.print(text, markup=False, end="")


@app.command("compare")
def compare(
    identifier: RunId,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Another run, likewise.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Show two runs side by side: inputs that differ, and every metric.

    Example: podium runs compare churn/2 churn/3
    """
    with session(project) as client:
        both = [client.runs.get(address.run(client, each)) for each in (identifier, other)]
        found = client.runs.compare(both[0].id, both[1].id)
    heads = [f"{each.model} run {each.number}" for each in both]
    rows = [(item.name, _cell(item.first), _cell(item.second)) for item in found.inputs]
    rows += [(f"test {item.name}", _cell(item.first), _cell(item.second)) for item in found.metrics]
    console.table(found, ("", *heads), rows)


def _cell(value: Any) -> str:
    """A digest, a number, or a metric with its interval, as `runs show` writes them."""
    if isinstance(value, dict):
        return f"{value['value']:.5g}  [{value['low']:.5g}, {value['high']:.5g}]"
    if isinstance(value, float):
        return f"{value:.5g}"
    return console.short(value) if str(value).startswith("sha256:") else "" if value is None else str(value)


def _headline(item: run.Run) -> str:
    if item.result is None:
        return item.error or ""
    test = item.result.metrics.get("test", {})
    return "  ".join(f"{metric} {interval.value:.4g}" for metric, interval in list(test.items())[:3])


def show(item: run.Run) -> None:
    """Print a run: inputs, metrics with intervals, parity."""
    pairs: list[tuple[str, object]] = [
        ("state", item.state),
        ("error", item.error),
        ("data", console.short(item.dataset)),
        (
            "code",
            console.short(item.code.source_digest) + (f"  commit {item.code.commit[:10]}" if item.code.commit else ""),
        ),
        ("parameters", "  ".join(f"{key}={value}" for key, value in item.params.items())),
        ("seed", item.seed),
        ("why", f"{item.reason} ({item.created_by}, {console.when(item.created_us)})"),
    ]
    result = item.result
    if result is not None:
        for part in _PARTS:
            for metric, interval in result.metrics.get(part, {}).items():
                text = f"{interval.value:.5g}  [{interval.low:.5g}, {interval.high:.5g}]  {interval.rows:,} rows"
                pairs.append((f"{part} {metric}", text))
        pairs.append(("threshold", "" if result.threshold is None else f"{result.threshold:.6g}"))
        pairs.append(
            ("parity", f"{result.parity.get('max_abs_error', 0):.2g} over {result.parity.get('rows', 0):,} rows")
        )
        pairs.append(("one row", f"{result.feature_latency_us:.0f} µs"))
    if item.environment is not None:
        pairs.append(("network", _NETWORK.get(item.environment.network, "")))
    pairs.append(("id", item.id))
    console.details(
        item, [pair for pair in pairs if pair[1] not in (None, "")], title=f"{item.model} run {item.number}"
    )
