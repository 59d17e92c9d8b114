"""`versions add`: a model that was made elsewhere becomes a version."""

from pathlib import Path
from typing import Annotated

import typer

from podium.cli import build, console, runs
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core import bundle, digest, engine, engine_file, run
from podium.core.errors import Invalid, NotFound, Refused

_SKIPPED = frozenset({".git", "__pycache__", ".venv"})
_LARGEST = 64 * 1024 * 1024
_BY_SPEC = {kind: name for name, kind in engine.OF.items()}


def add(
    files: Annotated[Path, typer.Argument(metavar="FILES", help="The folder with engine.toml and the model's files.")],
    rows: Annotated[
        str, typer.Option(help="Rows with features, target and the model's own answers; the project's data by default.")
    ] = "",
    expected: Annotated[str, typer.Option(help="The column with the model's own answers.")] = "expected",
    tolerance: Annotated[float, typer.Option(help="By how much an answer may differ here.")] = 1e-6,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "imported on the command line",
    folder: Annotated[Path, typer.Option(help="The project folder.")] = Path(),
    project: Project = "",
    json: Json = False,
) -> None:
    """Take over a model that was made elsewhere: a worker runs it on the rows, measures it, and proves its answers.

    Example: podium versions add bought --rows scored.parquet
    """
    from podium.cli import rows as tables
    from podium.cli import submit

    kind, content = read(files)
    given = submit.read(folder)
    table = tables.read(rows, "--rows") if rows else None
    with session(project or given.spec.project) as client:
        with console.progress("Sending files and rows") as bar:
            applied = client.models.apply(given.spec, given.source)
            taken = run.Imported(engine=kind, expected=expected, tolerance=tolerance)
            dataset = submit.data(client, given, table)
            asked = client.runs.adopt(applied, taken, content, dataset=dataset, reason=reason)
            build.follow(client, asked, bar, "Taking the model over")
        finished = client.runs.get(asked.id)
    if finished.error is not None:
        raise Refused(finished.error, field=f"run {finished.number}", fix="Read what it printed: podium runs log.")
    runs.show(finished)


def read(folder: Path) -> tuple[bundle.Engine, dict[str, bytes]]:
    """The engine and the files of a folder: `engine.toml` becomes `engine.json`; without one it is a model for ONNX."""
    if not folder.is_dir():
        raise NotFound("There is no such folder.", field="FILES")
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _SKIPPED & set(path.parts)
    }
    if large := [name for name, path in found.items() if path.stat().st_size > _LARGEST]:
        raise Invalid(f"{large[0]} is larger than 64 MB.", field="FILES", fix="Make the model smaller.")
    content = {name: path.read_bytes() for name, path in found.items()}
    described = content.pop(engine_file.NAME, None)
    if described is None:
        if bundle.MODEL in content:
            return bundle.Engine.ONNX, {bundle.MODEL: content[bundle.MODEL]}
        raise NotFound(
            f"The folder has no {engine_file.NAME}.",
            field="FILES",
            fix="Write it: the guide's page shows how.",
        )
    try:
        spec = engine_file.parse(described.decode())
    except UnicodeDecodeError:
        raise Invalid("This is not text.", field=engine_file.NAME) from None
    if missing := [name for name in engine.files(spec) if name not in content]:
        raise NotFound(f"The folder has no {missing[0]}, which {engine_file.NAME} names.", field="FILES")
    return _BY_SPEC[type(spec)], content | {bundle.ENGINE: digest.canonical(spec)}
