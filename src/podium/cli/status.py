"""`podium status`: the whole platform on one screen."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from podium.cli import approve, console, provenance
from podium.cli import value as values
from podium.cli.options import Json, Project
from podium.cli.session import chosen, running, session
from podium.core import alert, approval, check, drill, endpoint, event, job, release, value, version
from podium.core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from podium.client.client import Client

T = TypeVar("T")
_REFRESH_S = 2.0
_EVENTS = 6
_LINES = 5
_STALE_S = 60.0


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint and how it does."""

    status: endpoint.Status
    release: release.Release | None
    window: check.ClosedWindow | None
    worth: value.WindowValue | None
    alerts: tuple[alert.Alert, ...]
    drill: drill.Drill | None
    """The last rehearsal of its checks: expected false alarms, and delays; None: not rehearsed yet."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows. A part that the caller may not see is empty."""

    who: str
    roles: tuple[str, ...]
    project: str
    server: str | None
    """The control plane's address; None: none runs, and the folder itself was opened."""
    version: str
    models: int
    scorers: tuple[endpoint.Scorer, ...]
    endpoints: tuple[Place, ...]
    pending: tuple[approval.Pending, ...]
    jobs: tuple[job.Job, ...]
    events: tuple[event.Entry, ...]
    next: str
    """What to do next, in words."""


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show changes as they happen.")] = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Show what runs, what serves, how it does, and what waits for whom.

    Example: podium status --watch
    """
    from podium.server import settings

    config = settings.load()
    probe = running(config, chosen(project))
    if probe is not None:
        probe.close()
    elif not _has_home(config.home):
        _nothing(config.home)
        return
    with session(project) as client:
        serving = None if probe is None else client.transport.url
        if json or not watch:
            found = overview(client, serving)
            console.print_json(found) if json else console.out.print(page(found))
            return
        with Live(page(overview(client, serving)), console=console.out, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(_REFRESH_S)
                live.update(_latest(client, serving), refresh=True)


def _latest(client: "Client", serving: str | None) -> RenderableType:
    try:
        return page(overview(client, serving))
    except Unavailable as problem:
        return Text(f"{problem.message} Still trying.", style="red")


def _has_home(home: str) -> bool:
    from pathlib import Path

    return (Path(home) / "podium.db").exists()


def _nothing(home: str) -> None:
    todo = "Start it here: podium up. Or see it all at once: podium demo."
    if console.is_json():
        console.print_json({"server": None, "home": home, "next": todo})
    else:
        console.say(f"No platform runs here, and {home} holds none yet.\n{todo}")


def overview(client: "Client", serving: str | None) -> Overview:
    """Ask for everything that the page shows."""
    who = client.whoami()
    pending = _may(client.approvals.pending)
    models = _may(client.models.list)
    places = tuple(_place(client, item) for item in _may(client.endpoints.list))
    held = _may(client.versions.list)
    return Overview(
        who=who.name,
        roles=tuple(sorted(who.roles)),
        project=client.project,
        server=serving,
        version=client.health().version,
        models=len(models),
        scorers=tuple(_may(client.endpoints.scorers)),
        endpoints=places,
        pending=tuple(pending),
        jobs=tuple(_may(lambda: client.jobs.list(active=True, limit=50))),
        events=tuple(_may(lambda: client.audit.list(limit=_EVENTS))),
        next=_next(pending, held, places),
    )


def _may(ask: "Callable[[], Sequence[T]]") -> "Sequence[T]":
    try:
        return ask()
    except Refused:
        return ()


def _place(client: "Client", item: endpoint.Endpoint) -> Place:
    releases = client.releases.list(item.name)
    return Place(
        status=client.endpoints.status(item.name),
        release=next((each for each in releases if each.stage in release.OPEN), None),
        window=next(iter(client.checks.windows(item.name)), None),
        worth=next(iter(client.checks.value(item.name, limit=1)), None),
        alerts=tuple(each for each in client.alerts.list(endpoint=item.name) if each.state != "resolved"),
        drill=next(iter(client.checks.drills(item.name)), None),
    )


def _next(pending: Sequence[approval.Pending], held: Sequence[version.Version], places: Sequence[Place]) -> str:
    if pending:
        item = pending[0]
        who = f"an {item.next}" if item.next[0] in "aeiou" else f"a {item.next}"
        return f"{who} decides about {item.model} {item.version}: {approve.command(item)}"
    broken = next((place.status.endpoint.name for place in places if place.alerts), None)
    if broken is not None:
        return f"look at the checks: podium checks {broken}"
    if not held:
        return "make a project and train it: podium init NAME, then podium train"
    serving = next((place.status.endpoint.name for place in places if place.status.endpoint.champion), None)
    if serving is None:
        newest = held[0]
        return f"see why nothing serves yet: podium gates show {newest.model} {newest.number}"
    if not any(place.window for place in places):
        return (
            f"score rows: podium score {serving} --data FILE; send their truth: podium outcomes; podium close {serving}"
        )
    return "nothing: all is well"


def page(found: Overview) -> RenderableType:
    """The page, in words and colours."""
    parts: list[RenderableType] = [_head(found)]
    if found.endpoints:
        parts.append(_panel("Endpoints", _places(found.endpoints)))
    alerts = [item for place in found.endpoints for item in place.alerts]
    if alerts:
        parts.append(_panel(f"Alerts ({len(alerts)})", _lines([_alert(item) for item in alerts])))
    refused = [(place.status.endpoint.name, item) for place in found.endpoints for item in place.status.refused]
    if refused:
        parts.append(_panel(f"Refused ({len(refused)})", _lines([_refused(*each) for each in refused])))
    if found.pending:
        parts.append(_panel("Waits for people", _lines([_waiting(item) for item in found.pending])))
    if found.jobs:
        parts.append(_panel(f"Jobs ({len(found.jobs)})", _lines([_job(item) for item in found.jobs])))
    if found.events:
        parts.append(_panel("Last events", _events(found.events)))
    parts.append(Text.assemble(("Next: ", "bold"), found.next))
    return Group(*parts)


def _panel(title: str, body: RenderableType) -> Panel:
    return Panel(body, title=title, title_align="left", border_style="dim")


def _lines(rows: Sequence[Text]) -> RenderableType:
    more = [Text(f"… and {len(rows) - _LINES} more", style="dim")] if len(rows) > _LINES else []
    return Group(*rows[:_LINES], *more)


def _head(found: Overview) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    roles = ", ".join(found.roles) or "no role everywhere"
    server = (
        Text.assemble(("● ", "green"), f"{found.server}  Podium {found.version}")
        if found.server
        else Text.assemble(("○ ", "yellow"), "none runs; the folder was opened. Start it: podium up")
    )
    grid.add_row(Text("you", style="dim"), f"{found.who} ({roles}), project {found.project}")
    grid.add_row(Text("server", style="dim"), server)
    grid.add_row(Text("scorers", style="dim"), _scorers(found.scorers))
    return grid


def _scorers(found: Sequence[endpoint.Scorer]) -> Text:
    if not found:
        return Text("none has reported", style="yellow")
    newest = max(item.at_us for item in found)
    said = Text()
    for item in found:
        rollouts = item.status.get("rollouts")
        serving = rollouts if isinstance(rollouts, dict) else {}
        at = ", ".join(f"{name} at rollout {number}" for name, number in serving.items()) or "nothing to serve yet"
        quiet = (newest - item.at_us) / 1e6 > _STALE_S
        said.append("● " if not quiet else "○ ", style="green" if not quiet else "yellow")
        said.append(f"{item.name}: {at}  ({console.when(item.at_us)})  ")
    return said


def _places(places: Sequence[Place]) -> RenderableType:
    made = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("endpoint", "champion", "challenger", "last window", "worth", "checks", "alerts", "false alarms"):
        made.add_column(column)
    for place in places:
        item, window = place.status.endpoint, place.window
        made.add_row(
            Text.assemble((item.name, "bold"), (f" {item.environment}", "dim")),
            Text(f"version {item.champion}", style="green") if item.champion else Text("nothing yet", style="yellow"),
            "" if place.release is None else f"version {place.release.version}: {place.release.stage}",
            Text("none yet", style="dim")
            if window is None
            else f"to {console.when(window.end_us)}, {window.rows:,} rows",
            values.short(place.worth),
            _checks(window),
            Text(str(len(place.alerts)), style="red") if place.alerts else Text("0", style="green"),
            _expected(place.drill),
        )
    return made


def _expected(item: drill.Drill | None) -> Text:
    """Expected false alarms, as the last drill found them."""
    if item is None:
        return Text("not rehearsed", style="dim")
    kept = item.false_alarms_per_month <= drill.BUDGET
    return Text(f"{item.false_alarms_per_month:.2g} a month", style="green" if kept else "red")


def _checks(window: check.ClosedWindow | None) -> Text:
    if window is None:
        return Text("")
    if window.broken:
        return Text(f"{window.broken} of {window.checks} broken", style="red")
    if not window.rows:
        return Text("no rows to check", style="dim")
    return Text(f"none of {window.checks} broken", style="green" if window.checks else "dim")


def _alert(item: alert.Alert) -> Text:
    return Text.assemble((f"{item.state} ", "red" if item.state == "open" else "yellow"), item.message)


def _refused(named: str, item: endpoint.Refusal) -> Text:
    return Text.assemble((f"{item.scorer} ", "red"), f"refuses rollout {item.number} of {named}: {item.reason}")


def _waiting(item: approval.Pending) -> Text:
    excluded = f", not {', '.join(item.excluded)}" if item.excluded else ""
    return Text.assemble(
        (f"{item.model} {item.version}", "bold"),
        f" waits for {approve.waits_for(item)}{excluded}: ",
        (approve.command(item), "cyan"),
    )


def _job(item: job.Job) -> Text:
    return Text(f"{item.kind}  {item.state}  {item.progress:.0%}  {item.message}")


def _events(found: Sequence[event.Entry]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for _, at, who, _role, kind, about in provenance.event_rows(found):
        grid.add_row(*(Text(str(cell), style="dim" if cell is at else "") for cell in (at, who, kind, about)))
    return grid
