"""`checks`, `alerts`, `close` and `triggers`: how the model does in production, and what follows."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from podium.cli import console, measured
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core import time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podium.core import alert, check, drill

alerts = typer.Typer(help="Alerts: checks that broke their limits.", no_args_is_help=True)

Endpoint = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's name.")]
Alert = Annotated[str, typer.Argument(metavar="ALERT", help="The alert's id.")]
Note = Annotated[str, typer.Option("--note", "-n", help="What was found or done.")]
_ORDER = {"broken": 0, "ok": 1, "not-enough-data": 2}
_COLOURS = {
    "broken": "red",
    "ok": "green",
    "not-enough-data": "dim",
    "open": "red",
    "acknowledged": "yellow",
    "snoozed": "dim",
}


def checks(
    endpoint: Endpoint,
    kind: Annotated[str, typer.Option(help="Only this kind, such as drift, quality or performance.")] = "",
    measures: Annotated[
        bool, typer.Option("--measures", help="Show each feature by every measure of `podium check` instead.")
    ] = False,
    end: Annotated[str, typer.Option(help="With --measures: when the window ends; the newest by default.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Show the checks of the latest window, worst first; with each feature its share in the scores.

    Example: podium checks churn --measures
    """
    with session(project) as client:
        if measures:
            end_us = time.to_us(time.parse_instant(end, "--end")) if end else None
            measured.show(client.checks.measures(endpoint, end_us=end_us))
            return
        found = latest(client.checks.list(endpoint, kind=kind or None))
        drilled = next(iter(client.checks.drills(endpoint)), None)
    tested = {(each.measure, each.column): each for each in (drilled.monitors if drilled else ())}
    rows = [
        (
            Text(item.state, style=_COLOURS[item.state]),
            item.kind,
            item.measure,
            item.column if item.weight is None else f"{item.column} ({item.weight * 100:.2g} %)",
            item.version,
            _number(item.value),
            _number(item.limit),
            _number(item.reference),
            "" if item.low is None else f"[{_number(item.low)}, {_number(item.high)}]",
            f"{item.rows:,}",
            *_back_test(tested.get((item.measure, item.column))),
        )
        for item in found
    ]
    if found:
        console.say(f"{endpoint}: window {console.when(found[0].window.start_us)} to {_end(found)} UTC")
    heads = ("state", "kind", "measure", "column", "version", "value", "limit", "reference", "interval", "rows")
    more = ("false alarms", "delay")
    console.table(found, heads + more, rows, empty=f"No window was closed yet. Next: podium close {endpoint}")
    if found:
        console.say(_rehearsed(endpoint, drilled))


def _back_test(item: "drill.Monitor | None") -> tuple[str, str]:
    """Expected false alarms a month, and the windows until an alert, as the last drill found them."""
    if item is None:
        return "", ""
    delay = "" if not item.runs else "missed" if item.delay is None else f"{item.delay:g}"
    return _number(item.false_alarms_per_month), delay


def _rehearsed(endpoint: str, item: "drill.Drill | None") -> str:
    if item is None:
        return f"False alarms and delays: not rehearsed yet. Next: podium drill {endpoint}"
    return (
        f"Expected false alarms of all checks together: {_number(item.false_alarms_per_month)} in 30 days "
        f"(drill of version {item.version}, {console.when(item.at_us)})."
    )


def latest(found: "Sequence[check.Check]") -> "list[check.Check]":
    """The checks of the newest window, the worst first: broken ones by how far they are beyond their limit."""
    end = max((item.window.end_us for item in found), default=0)
    return sorted((item for item in found if item.window.end_us == end), key=_badness)


def _badness(item: "check.Check") -> tuple[int, float]:
    value = abs(item.value or 0.0)
    weight = 1.0 if item.weight is None else item.weight
    return _ORDER[item.state], -(value / item.limit if item.limit else value) * weight


def _end(found: "Sequence[check.Check]") -> str:
    return console.when(found[0].window.end_us)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def close(
    endpoint: Endpoint,
    end: Annotated[str, typer.Option(help="When the window ends (ISO 8601); now by default.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait until the checks are computed.")] = True,
    project: Project = "",
    json: Json = False,
) -> None:
    """Close a window: join outcomes, compute checks, judge releases. Asking twice for one end does it once.

    Example: podium close churn
    """
    from podium.core import time

    end_us = time.to_us(time.parse_instant(end, "--end")) if end else None
    with session(project) as client:
        asked = client.checks.close_window(endpoint, end_us)
        closed = None
        if wait:
            with console.progress("Closing the window") as bar:
                client.jobs.wait(asked.job, on_progress=lambda done, text: bar.at(done, text or None))
            closed = next((item for item in client.checks.windows(endpoint) if item.end_us == asked.end_us), None)
    pairs: list[tuple[str, Any]] = [("end", console.when(asked.end_us)), ("job", asked.job)]
    if closed is not None:
        pairs[1:] = [
            ("rows", f"{closed.rows:,}, of {closed.matured:,} the outcome is known"),
            ("checks", f"{closed.checks}, {closed.broken} broken"),
            ("version", closed.version or "nothing decided"),
        ]
    console.details({"requested": asked, "window": closed}, pairs, title=f"window of {endpoint}")


@alerts.command("list")
def alerts_list(
    endpoint: Annotated[str, typer.Option(help="Only this endpoint's.")] = "",
    state: Annotated[str, typer.Option(help="Only these: open, acknowledged, snoozed or resolved.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List alerts, newest first.

    Example: podium alerts list --state open
    """
    with session(project) as client:
        found = client.alerts.list(endpoint=endpoint or None, state=state or None)
    rows = [
        (item.id, item.endpoint, item.version, item.kind, _state(item), console.when(item.opened_us), item.message)
        for item in found
    ]
    heads = ("id", "endpoint", "version", "kind", "state", "opened", "what")
    console.table(found, heads, rows, empty="No alerts.")


@alerts.command("show")
def alerts_show(identifier: Alert, project: Project = "", json: Json = False) -> None:
    """Show an alert.

    Example: podium alerts show alert-018f…
    """
    with session(project) as client:
        item = client.alerts.get(identifier)
    _show(item)


@alerts.command("ack")
def alerts_ack(identifier: Alert, note: Note = "", project: Project = "", json: Json = False) -> None:
    """Say that you have seen it and deal with it.

    Example: podium alerts ack alert-018f… --note "asked the airline"
    """
    with session(project) as client:
        item = client.alerts.acknowledge(identifier, note)
    _show(item)


@alerts.command("snooze")
def alerts_snooze(
    identifier: Alert,
    duration: Annotated[str, typer.Option("--for", help="How long, such as 12h, 2d or 1w.")],
    note: Note = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Let an alert sleep; it opens again if its checks still break then. Undo: podium alerts ack.

    Example: podium alerts snooze alert-018f… --for 2d --note "the feed is repaired on Monday"
    """
    with session(project) as client:
        item = client.alerts.snooze(identifier, duration, note)
    _show(item)


@alerts.command("history")
def alerts_history(identifier: Alert, project: Project = "", json: Json = False) -> None:
    """Show what happened to an alert, and where news of it went.

    Example: podium alerts history alert-018f…
    """
    with session(project) as client:
        found = client.alerts.history(identifier)
        sent = client.channels.deliveries(alert=identifier)
    rows = [
        (console.when(time.to_us(each.at)), each.kind.partition(".")[2], each.actor, each.detail.get("note") or "")
        for each in found
    ]
    console.table({"events": found, "deliveries": sent}, ("when", "what", "who", "note"), rows, empty="Nothing.")
    for each in sent:
        console.say(f"{each.news} to {each.channel}: {each.state}" + (f" ({each.problem})" if each.problem else ""))


@alerts.command("resolve")
def alerts_resolve(identifier: Alert, note: Note = "", project: Project = "", json: Json = False) -> None:
    """Close an alert; it opens again by itself when its check breaks again.

    Example: podium alerts resolve alert-018f… --note "feed repaired"
    """
    with session(project) as client:
        item = client.alerts.resolve(identifier, note)
    _show(item)


def triggers(endpoint: Endpoint, project: Project = "", json: Json = False) -> None:
    """Show what the triggers decided at the end of each window: retrain or not, and why.

    Example: podium triggers churn
    """
    with session(project) as client:
        found = client.alerts.triggers(endpoint)
    rows = [
        (
            console.when(item.end_us),
            Text("retrain", style="yellow") if item.fired else "no",
            item.trigger,
            item.reason,
            item.run,
        )
        for item in found
    ]
    console.table(found, ("window's end", "decision", "trigger", "why", "run"), rows, empty="No decision yet.")


def _state(item: "alert.Alert") -> Text:
    return Text(item.state, style=_COLOURS.get(item.state, "green"))


def _show(item: "alert.Alert") -> None:
    pairs: list[tuple[str, Any]] = [
        ("what", item.message),
        ("state", _state(item)),
        ("endpoint", f"{item.endpoint}, version {item.version}"),
        ("since", console.when(item.since_us)),
        ("opened", console.when(item.opened_us)),
        ("updated", console.when(item.updated_us)),
        ("checks", ", ".join(item.causes)),
    ]
    if item.snoozed_until_us is not None:
        pairs.append(("sleeps until", console.when(item.snoozed_until_us)))
    if item.acknowledged_by:
        pairs.append(("acknowledged", f"by {item.acknowledged_by}"))
    if item.resolved_us is not None:
        pairs.append(("resolved", console.when(item.resolved_us)))
    if item.note:
        pairs.append(("note", item.note))
    console.details(item, pairs, title=item.id)
