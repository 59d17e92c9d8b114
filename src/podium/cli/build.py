"""`init`, `data`, `train` and `runs`: from a folder to a trained run."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import console
from podium.cli.options import Json, Project
from podium.cli.session import PROJECT_FILE, session
from podium.core import dataset, run
from podium.core.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from podium.client.client import Client

data = typer.Typer(help="Dataset versions: immutable snapshots of data.", no_args_is_help=True)
runs = typer.Typer(help="Runs: executions of the training code.", no_args_is_help=True)
_TRAINED, _SOON_S, _LATER_S, _PATIENCE_S = 0.95, 0.1, 1.0, 3600.0
_INSTANTS = ("timestamp", "date")
_PARTS = ("test", "validation", "train")
_NETWORK = {
    "off": "none",
    "declared": "as the project file declares it",
    "open": "open: this system cannot take it away",
}


def init(
    model: Annotated[str, typer.Argument(help="The model's name, for example churn.")],
    folder: Annotated[Path, typer.Option(help="Where to write the files.")] = Path(),
    json: Json = False,
) -> None:
    """Write a project file and a training function to start from.

    Example: podium init churn
    """
    from podium.core import name, project_file

    name.check(model, "model")
    module = "train.py"
    files = {
        folder / PROJECT_FILE: project_file.template(model),
        folder / module: project_file.template_module(),
    }
    for path in files:
        if path.exists():
            raise Conflict(f"{path} is there already.", fix="Choose another folder with --folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text)
    if json:
        console.print_json({"files": [str(path) for path in files]})
        return
    for path in files:
        console.say(f"wrote {path}")
    console.say("Next: edit both, put your data beside them, then: podium train")


@data.command("add")
def data_add(
    folder: Annotated[Path, typer.Option(help="The project folder.")] = Path(),
    project: Project = "",
    json: Json = False,
) -> None:
    """Snapshot the project's data: the same rows again give the same version.

    Example: podium data add
    """
    from podium.cli import submit

    given = submit.read(folder)
    with session(project or given.spec.project) as client, console.progress("Reading and uploading data"):
        digest = submit.data(client, given)
        found = client.datasets.get(digest)
    _show_dataset(found)


@data.command("list")
def data_list(project: Project = "", json: Json = False) -> None:
    """List dataset versions, newest first.

    Example: podium data list --json
    """
    with session(project) as client:
        found = client.datasets.list()
    rows = [
        (item.name, item.number, f"{item.rows:,}", len(item.columns), console.short(item.digest), item.source)
        for item in found
    ]
    console.table(found, ("dataset", "version", "rows", "columns", "digest", "source"), rows)


@data.command("show")
def data_show(digest: str, project: Project = "", json: Json = False) -> None:
    """Show a dataset version and the profile of its columns.

    Example: podium data show sha256:…
    """
    with session(project) as client:
        found = client.datasets.get(digest)
    _show_dataset(found)


def train(
    folder: Annotated[Path, typer.Option(help="The project folder.")] = Path(),
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "asked for on the command line",
    dataset_digest: Annotated[str, typer.Option("--dataset", help="Train on this dataset version instead.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Train: send file, code and data; a worker trains, exports and proves the model. Exit code 1 if the run fails.

    Example: podium train --reason "new feature"
    """
    from podium.cli import submit

    given = submit.read(folder)
    with session(project or given.spec.project) as client:
        with console.progress("Sending code and data") as bar:
            asked = submit.train(client, given, reason=reason, dataset=dataset_digest or None)
            follow(client, asked, bar, "Training")
        finished = client.runs.get(asked.id)
        made = [item.number for item in client.versions.list(finished.model) if item.run == finished.id]
    show_run(finished)
    if finished.error is not None:
        console.err.print(f"Read what it printed: podium runs log {finished.id}", soft_wrap=True)
        raise typer.Exit(1)
    if made and not json:
        console.say(f"Next: podium versions show {finished.model} {made[0]}")


def follow(client: "Client", asked: run.Run, bar: console.Bar, doing: str) -> None:
    """Show how far a run is, until its version is packaged and its gates are evaluated. Raises `Unavailable` when no
    worker takes it within an hour.
    """
    begun, pause = time.monotonic(), _SOON_S
    found = asked
    while found.state in (run.RunState.REQUESTED, run.RunState.RUNNING):
        if found.job is not None:
            job = client.jobs.get(found.job)
            bar.at(_TRAINED * job.progress, job.message or doing)
        elif time.monotonic() - begun > _PATIENCE_S:
            raise Unavailable("No worker has taken the run.", fix="Is one running? See podium status.")
        else:
            bar.at(0.0, "Waiting for a worker")
        time.sleep(pause)
        pause = min(_LATER_S, pause * 1.3)
        found = client.runs.get(asked.id)
    bar.at(_TRAINED, "Packaging and gates")
    client.jobs.wait_idle()


@runs.command("list")
def runs_list(
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


@runs.command("show")
def runs_show(identifier: str, project: Project = "", json: Json = False) -> None:
    """Show a run: its inputs, metrics with intervals, and proof of parity.

    Example: podium runs show run-018f…
    """
    with session(project) as client:
        found = client.runs.get(identifier)
    show_run(found)


@runs.command("log")
def runs_log(identifier: str, project: Project = "", json: Json = False) -> None:
    """Print what the training code printed.

    Example: podium runs log run-018f…
    """
    with session(project) as client:
        text = client.runs.log(identifier)
    if json:
        console.print_json({"log": text})
    else:
        console.out.print(text, markup=False, end="")


@runs.command("compare")
def runs_compare(identifier: str, other: str, project: Project = "", json: Json = False) -> None:
    """Show two runs side by side: inputs that differ, and every metric.

    Example: podium runs compare run-018f… run-0190…
    """
    with session(project) as client:
        found = client.runs.compare(identifier, other)
    rows = [(item.name, _cell(item.first), _cell(item.second)) for item in (*found.inputs, *found.metrics)]
    console.table(found, ("", "first", "second"), rows)


def _cell(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _headline(item: run.Run) -> str:
    if item.result is None:
        return item.error or ""
    test = item.result.metrics.get("test", {})
    return "  ".join(f"{metric} {interval.value:.4g}" for metric, interval in list(test.items())[:3])


def show_run(item: run.Run) -> None:
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


def _show_dataset(found: dataset.DatasetVersion) -> None:
    rows = [
        (
            column.name,
            column.type,
            column.nulls,
            column.distinct,
            _range(column),
            ", ".join(word for word, _ in column.top[:5]),
        )
        for column in found.columns
    ]
    console.say(
        f"[bold]{found.name} {found.number}[/bold]  {found.rows:,} rows  {found.digest}  [dim]{found.source}[/dim]"
    )
    console.table(found, ("column", "type", "nulls", "distinct", "range", "most frequent"), rows)


def _range(column: dataset.Column) -> str:
    if column.minimum is None or column.maximum is None:
        return ""
    if column.type.startswith(_INSTANTS):
        return f"{console.when(round(column.minimum))} … {console.when(round(column.maximum))}"
    return f"{column.minimum:g} … {column.maximum:g}"
