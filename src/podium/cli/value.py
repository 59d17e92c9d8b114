"""`value`: what decisions were worth, against none, against the champion before, and against a challenger."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from podium.cli import console
from podium.cli.monitor import Endpoint
from podium.cli.options import Json, Project
from podium.cli.session import session

if TYPE_CHECKING:
    from podium.core import run
    from podium.core import value as core

_HEADS = ("window", "version", "decisions", "a decision's value", "in all", "more than", "by", "in all ")


def value(
    endpoint: Endpoint,
    windows: Annotated[int, typer.Option("--windows", "-w", min=1, max=1000, help="How many windows.")] = 1,
    project: Project = "",
    json: Json = False,
) -> None:
    """Show what the decisions of the newest windows were worth, and how much more than what else could have decided.

    Example: podium value churn --windows 8
    """
    with session(project) as client:
        found = client.checks.value(endpoint, limit=windows)
    rows = [row for item in found for row in _rows(item)]
    if found and not console.is_json():
        moves, group = found[0].kpi.rstrip("."), _group(found[0])
        console.say(f"{endpoint}: value in {found[0].unit}, {moves}; 95 % intervals, rows of one {group}")
    console.table(
        found, _HEADS, rows, empty=f"No window with a value was closed. It takes [costs]; podium close {endpoint}"
    )
    for item in found[:1]:
        for said in _notes(item):
            console.say(said)


def _rows(item: "core.WindowValue") -> list[tuple[object, ...]]:
    first = (
        f"{console.when(item.window.start_us)[:10]} to {console.when(item.window.end_us)[:10]}",
        item.version,
        f"{item.rows:,}",
        _interval(item.per_decision),
        f"{item.total:,.4g}",
    )
    others = [(each.who, _interval(each.per_decision), _total(each)) for each in item.gains if not _twice(each, item)]
    blank = ("",) * len(first)
    return [(*(first if at == 0 else blank), *each) for at, each in enumerate(others or [("", "", "")])]


def _twice(gain: "core.Gain", item: "core.WindowValue") -> bool:
    """Never or always acting, where it is the baseline too."""
    return any(other is not gain and other.over == "baseline" and other.who == gain.who for other in item.gains)


def _total(gain: "core.Gain") -> Text:
    sure = gain.per_decision.low > 0 or gain.per_decision.high < 0
    style = "" if not sure else "green" if gain.total > 0 else "red"
    return Text(f"{gain.total:+,.4g}", style=style)


def _interval(found: "run.Interval | None") -> str:
    return "" if found is None else f"{found.value:.4g} [{found.low:.4g}, {found.high:.4g}]"


def _group(item: "core.WindowValue") -> str:
    return {"day": "day belong together", "hour": "hour belong together"}.get(item.groups, "window are independent")


def _notes(item: "core.WindowValue") -> list[str]:
    said = []
    if item.expected is not None:
        said.append(f"On the test split of training a decision was worth {item.expected:.4g}.")
    if item.waiting:
        waiting = "1 row waits" if item.waiting == 1 else f"{item.waiting:,} rows wait"
        said.append(f"Not in it: {waiting} for an outcome, or for a person.")
    if item.lacking:
        said.append(f"No comparison: {item.lacking}")
    return said


def short(item: "core.WindowValue | None") -> Text:
    """The last window's value over no model: in red where it is surely none."""
    gain = None if item is None else item.baseline()
    if item is None or gain is None:
        return Text("not known", style="dim")
    way, unit = "more" if gain.total >= 0 else "less", "" if item.unit == "cost" else f" {item.unit}"
    lost, won = gain.per_decision.high < 0, gain.per_decision.low > 0
    return Text(f"{abs(gain.total):,.0f}{unit} {way} than {gain.who}", style="red" if lost else "green" if won else "")
