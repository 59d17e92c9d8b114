"""`init`, `data` and `train`: from a folder to a trained run."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from podium.cli import console, runs
from podium.cli.options import Json, Project
from podium.cli.session import PROJECT_FILE, session
from podium.core import dataset, run
from podium.core.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from podium.client.client import Client

data = typer.Typer(help="Dataset versions: immutable snapshots of data.", no_args_is_help=True)
_TRAINED, _SOON_S, _LATER_S, _PATIENCE_S = 0.95, 0.1, 1.0, 3600.0
_INSTANTS = ("timestamp", "date")


def init(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name, for example churn.")],
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
def data_show(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="NAME/NUMBER, or its digest as lists show it.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Show a dataset version and the profile of its columns.

    Example: podium data show churn/1
    """
    from podium.cli import address

    with session(project) as client:
        found = client.datasets.get(address.dataset(client, dataset))
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
    runs.show(finished)
    if finished.error is not None:
        console.err.print(f"Read what it printed: podium runs log {finished.id}", soft_wrap=True)
        raise typer.Exit(1)
    if made and not json:
        console.say(f"Next: podium versions show {finished.model} {made[0]}")


def follow(client: "Client", asked: run.Run, bar: console.Bar, doing: str) -> None:
    """Show how far a run is, until its version is packaged and its gates are evaluated. Raises `Unavailable` when no
    worker takes it within an hour. Who interrupts only stops looking.
    """
    try:
        _follow(client, asked, bar, doing)
    except KeyboardInterrupt:
        name = f"{asked.model}/{asked.number}"
        console.err.print(f"The run goes on where a worker is: podium runs show {name}", soft_wrap=True)
        raise


def _follow(client: "Client", asked: run.Run, bar: console.Bar, doing: str) -> None:
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
    name = (f"{found.name} {found.number}", "bold")
    console.say(Text.assemble(name, f"  {found.rows:,} rows  {found.digest}  ", (found.source, "dim")))
    console.table(found, ("column", "type", "nulls", "distinct", "range", "most frequent"), rows)


def _range(column: dataset.Column) -> str:
    if column.minimum is None or column.maximum is None:
        return ""
    if column.type.startswith(_INSTANTS):
        return f"{console.when(round(column.minimum))} … {console.when(round(column.maximum))}"
    return f"{column.minimum:g} … {column.maximum:g}"
