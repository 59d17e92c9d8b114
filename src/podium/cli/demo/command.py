"""`podium demo`: the whole cycle on a year of real flights, and a report of what it was worth."""

import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import console
from podium.cli.options import Json
from podium.core.errors import Invalid, Refused

if TYPE_CHECKING:
    from podium.cli.demo import story


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo lives; an earlier demo there is removed.")] = Path(
        ".podium/demo"
    ),
    database: Annotated[str, typer.Option(help="An empty database, e.g. postgresql://…; default: SQLite.")] = "",
    blobs: Annotated[str, typer.Option(help="Where blobs go, e.g. s3://bucket/demo; default: a folder.")] = "",
    until: Annotated[str, typer.Option(help="Play the story up to this day.")] = "2014-01-01",
    serve: Annotated[bool, typer.Option("--serve", help="Leave the platform running at the end.")] = False,
    json: Json = False,
) -> None:
    """Play a year of real flights through the whole cycle, in a few minutes, and say what it was worth.

    Example: podium demo --until 2013-05-01
    """
    from podium.cli import extras

    extras.need("demo", extras.DEMO)
    from podium.cli.demo import stage, story

    end = _end(until, story.BEGIN, story.YEAR_END)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to stop, it stops what it started
    started = time.perf_counter()
    with stage.running(folder, database=database, blobs=blobs, say=console.say) as running:
        with console.progress("Version 1 is trained, gated, validated and approved") as bar:
            for window in story.tell(running.platform, running.traffic, running.project, end):
                bar.at(window.number / window.of, _line(window))
                if not console.err.is_terminal and not json:
                    console.say(f"{window.end:%Y-%m-%d}  {_line(window)}")
        from podium.cli.demo import telling  # charts and models: not in memory while the story plays

        report = telling.finish(running, end, started)
        if json:
            console.print_json(report)
        else:
            telling.show(report, folder)
        failed = telling.failures(report)
        if failed:
            raise Refused("A promise did not hold: " + "; ".join(failed), fix=f"See {folder / 'report.json'}.")
        if serve:
            telling.leave_running(running)


def _end(until: str, begin: datetime, year_end: datetime) -> datetime:
    try:
        end = datetime.fromisoformat(until).replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("This is not a day.", field="until", fix="Write for example 2013-06-01.") from None
    end = min(end.replace(hour=begin.hour), year_end)
    if end <= begin:
        raise Invalid("The story begins on 2013-03-01.", field="until", fix="Choose a later day, up to 2014-01-01.")
    return end


def _line(window: "story.Window") -> str:
    release = "" if window.release is None else f" · version {window.release.version} in {window.release.stage}"
    alerts = f" · {window.alerts} alerts" if window.alerts else ""
    scored = f"{window.scored:,} scored ({window.rate:,.0f}/s)"
    return f"{window.end:%d %b} · champion {window.champion}{release}{alerts} · {scored}"
