"""`podium check`: is this data still like that data? Two files, no server."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import console
from podium.cli.options import Json

if TYPE_CHECKING:
    from podium.cli.check.asked import Asked

_ALARM, _BAD_INPUT = 1, 2
_COMMAS = "Names with commas between."


def check(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REFERENCE",
            help="What the data was: a Parquet or CSV file, a folder, a quoted pattern, or a stored reference (.json).",
        ),
    ],
    current: Annotated[
        str,
        typer.Argument(metavar="CURRENT", help="What the data is; may be left out with `--save-reference`."),
    ] = "",
    target: Annotated[
        str, typer.Option(help="The column with the outcome; with a prediction, performance is compared.")
    ] = "",
    prediction: Annotated[str, typer.Option(help="The column with the prediction.")] = "",
    key: Annotated[str, typer.Option(help="The column that tells rows apart: its duplicates are looked for.")] = "",
    skew: Annotated[
        bool, typer.Option("--skew", help="The key's rows are the same on both sides: compare them value by value.")
    ] = False,
    slices: Annotated[str, typer.Option(help=f"Columns by whose parts performance is shown. {_COMMAS}")] = "",
    explanations: Annotated[
        bool,
        typer.Option("--explanations", help="The columns are what each feature added to the scores: compare that."),
    ] = False,
    groups: Annotated[str, typer.Option(help=f"Columns whose groups predictions should treat alike. {_COMMAS}")] = "",
    time: Annotated[str, typer.Option(help="The column with each row's time: its newest is looked at.")] = "",
    max_age: Annotated[str, typer.Option(help="Alarm when the newest row is older, as 36h or 2d.")] = "",
    columns: Annotated[str, typer.Option(help=f"Only these columns. {_COMMAS}")] = "",
    ignore: Annotated[str, typer.Option(help=f"Not these columns. {_COMMAS}")] = "",
    effect: Annotated[float, typer.Option(help="Alarm when this share of a column's rows moved.")] = 0.05,
    min_rows: Annotated[int, typer.Option(help="With fewer values on a side: not enough data.")] = 100,
    all_columns: Annotated[bool, typer.Option("--all", help="Show every column, not one screen.")] = False,
    html: Annotated[str, typer.Option(help="Write a report with charts to this file.")] = "",
    save_reference: Annotated[str, typer.Option(help="Store the reference, to be read instead, as .json.")] = "",
    threads: Annotated[int, typer.Option(help="Columns read at once; as many as processors by default.")] = 0,
    json: Json = False,
) -> None:
    """Compare data with a reference; exit code 1 on an alarm, 2 on bad input.

    Looks for drift, missing values, new categories, values out of range and changed types, without a server.

    An alarm needs both: an effect that matters, and more than chance over all columns at once.

    Example: podium check reference.parquet current.parquet --html report.html
    """
    _set_libraries()
    from podium.cli.check.asked import Asked

    asked = Asked(
        reference=reference,
        current=current,
        target=target,
        prediction=prediction,
        key=key,
        skew=skew,
        explanations=explanations,
        groups=_names(groups),
        slices=_names(slices),
        time=time,
        max_age=max_age,
        columns=_names(columns),
        ignore=_names(ignore),
        effect=effect,
        min_rows=min_rows,
        save_reference=save_reference,
        threads=threads,
    )
    raise typer.Exit(_run(asked, html, all_columns=all_columns))


def _set_libraries() -> None:
    """Set what the libraries that are loaded next read then, where nobody else did.

    OpenBLAS, which numpy loads, is to keep no threads of its own: they wait busily, a third as long as all the rest.
    Columns are read by threads of ours, and no matrix here is large. Arrow is to keep the memory of a piece for the
    next: given back, it comes anew page by page, which took a tenth of the time.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251 - read when it loads
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")  # noqa: TID251 - read when it loads


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _run(asked: "Asked", html: str, *, all_columns: bool) -> int:
    from podium.cli.check import screen, work
    from podium.core.errors import PodiumError
    from podium.measures.comparison.finding import State

    try:
        with console.progress("Reading") as bar:
            done = work.run(asked, bar.at)
        if done.comparison is None:
            console.details({"reference": asked.save_reference}, [("stored", asked.save_reference)])
            return 0
        if html:
            from podium.cli.check import page

            page.write(done, html)
    except PodiumError as problem:
        console.fail(problem)
        return _BAD_INPUT
    screen.show(done, html, all_columns=all_columns)
    return _ALARM if done.comparison.state is State.ALARM else 0
