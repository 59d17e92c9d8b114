"""`drill`: which faults would the monitor find, and how soon; and how often would it cry wolf."""

from typing import Annotated

import typer
from rich.text import Text

from podium.cli import console
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core import drill as drills


def drill(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint whose rules are rehearsed.")],
    days: Annotated[int, typer.Option(help="On a copy of the last days' traffic.")] = 28,
    repetitions: Annotated[int, typer.Option(help="How often each fault is put in.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed gives the same drill.")] = 0,
    last: Annotated[bool, typer.Option("--last", help="Show the last drill; run none.")] = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Fire drill: put faults into a copy of real traffic, and see what the monitor detects, when, and what it misses.

    Example: podium drill churn
    """
    with session(project) as client:
        if not last:
            wanted = drills.DrillRequest(days=days, repetitions=repetitions, seed=seed)
            job = client.checks.drill(endpoint, wanted)
            with console.progress(f"Drill of {endpoint}") as bar:
                client.jobs.wait(job, on_progress=bar.at)
        found = client.checks.drills(endpoint)
    if not found:
        console.table([], ("fault",), [], empty=f"No drill yet. Next: podium drill {endpoint}")
        return
    _show(found[0])


def _show(item: drills.Drill) -> None:
    rows = [
        (
            each.fault,
            each.what,
            Text(f"{each.detected / each.runs:.0%}", style=_colour(each.detected / each.runs)),
            "–" if each.delay is None else f"{each.delay:g}",
            ", ".join(each.by) or "nothing",
        )
        for each in item.faults
    ]
    heads = ("fault", "what was done", "detected", "windows until", "by")
    console.say(
        f"{item.endpoint}, version {item.version}: {item.rows:,} rows of {item.days} days, "
        f"about {item.rows_a_window:,} a window of {item.window}"
    )
    console.table(item, heads, rows, empty="No fault fits this model.")
    kept = item.false_alarms_per_month <= drills.BUDGET
    words = (
        f"Expected false alarms: {item.false_alarms_per_month:.2g} in 30 days ({item.false_alarms} in "
        f"{item.quiet_windows} quiet windows), {'within' if kept else 'over'} the budget of {drills.BUDGET:g}."
    )
    console.say(words + (f" Mostly by {', '.join(item.falsely_by)}." if item.falsely_by else ""))


def _colour(share: float) -> str:
    return "green" if share >= 0.95 else "yellow" if share >= 0.5 else "red"
