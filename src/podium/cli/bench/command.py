"""`podium bench`: measure this machine with what is installed here."""

from pathlib import Path
from typing import Annotated

import typer

from podium.cli import console
from podium.cli.options import Json

app = typer.Typer(help="Measure Podium on this machine, beside its limits and its peers.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Measure Podium on this machine, beside its limits and its peers."""


@app.command()
def scorer(
    peers: Annotated[
        str, typer.Option(help="Peers to compare with: all, none, names; auto: all in a checkout, without --quick.")
    ] = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="Short and rough: to see that it works.")] = False,
    repeats: Annotated[int, typer.Option(help="How often each figure is measured; the median counts.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="How long each measurement takes; 0: 3, with --quick 0.6.")] = 0.0,
    growth: Annotated[
        bool, typer.Option(help="Measure also growth of cost, two processes, all kinds of model.")
    ] = True,
    out: Annotated[Path, typer.Option(help="The folder for report, chart and what the peers need.")] = Path(
        ".podium/bench"
    ),
    page: Annotated[Path | None, typer.Option(help="Write the figures into this Markdown page.")] = None,
    enforce: Annotated[bool, typer.Option("--enforce", help="Exit code 1 when a bar is missed.")] = False,
    json: Json = False,
) -> None:
    """Drive a real scorer, the limit of any server in Python, and peers, with the same model and rows.

    Example: podium bench scorer --quick
    """
    from podium.cli import extras

    extras.need("demo", extras.DEMO)
    from podium.cli.bench import bars, show
    from podium.cli.bench import page as pages
    from podium.cli.bench import scorer as benchmark
    from podium.cli.bench.peers import contest, known

    chosen = ("none" if quick or not contest.SCRIPTS.is_dir() else "all") if peers == "auto" else peers
    options = benchmark.Options(
        out=out,
        peers=known.choose(chosen),
        repeats=1 if quick else repeats,
        seconds=seconds or (benchmark.QUICK_SECONDS if quick else benchmark.SECONDS),
        growth=growth and not quick,
    )
    contest.check(options.peers)
    with console.progress("The scorer's benchmark") as bar:
        report = benchmark.run(options, bar.at)
    if page is not None:
        pages.write(report, page)
    judged = bars.judge(report)
    if json:
        console.print_json(report)
    else:
        show.report(report)
        console.say(f"The whole report: {out / 'scorer.json'}; its chart: {out / 'scorer.svg'} and .png")
    if enforce and any(one.passed is False for one in judged):
        raise typer.Exit(1)
