"""`release`, `rollback` and `endpoints`: bring a version to where it serves, and back."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from podium.cli import console
from podium.cli.options import Json, Project
from podium.cli.session import session

if TYPE_CHECKING:
    from podium.core import endpoint, rollout
    from podium.core import release as plans

release = typer.Typer(help="Releases: shadow, approval, canary, champion.", no_args_is_help=True)
endpoints = typer.Typer(help="Endpoints: the addresses that applications score against.", no_args_is_help=True)

Identifier = Annotated[str, typer.Argument(metavar="RELEASE", help="The release's id.")]
Endpoint = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's name.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the record.")]
_STAGES = {"waiting": "dim", "shadow": "cyan", "awaiting-approval": "yellow", "canary": "magenta", "champion": "green"}


@release.command("start")
def release_start(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    version: Annotated[int, typer.Argument(metavar="VERSION", help="The version's number.")],
    reason: Reason,
    endpoint: Annotated[str, typer.Option(help="Where to; by default as the project file says.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Begin when a release that is further on has ended.")] = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Begin to bring a version to an endpoint: first in shadow, then by approval. `podium release stop` undoes it.

    Example: podium release start churn 3 --reason "better on new customers"
    """
    with session(project) as client:
        where = endpoint or client.models.get(model).spec.release.endpoint
        made = client.releases.start(model, version, where, reason=reason, wait=wait)
    _show(made)


@release.command("list")
def release_list(
    endpoint: Annotated[str, typer.Option(help="Only this endpoint's.")] = "", project: Project = "", json: Json = False
) -> None:
    """List releases, newest first.

    Example: podium release list --endpoint churn
    """
    with session(project) as client:
        found = client.releases.list(endpoint or None)
    rows = [
        (
            item.id,
            item.endpoint,
            f"{item.model} {item.version}",
            _stage(item),
            console.when(item.stage_since_us),
            "" if item.comparison is None else item.comparison.verdict,
            item.note or item.reason,
        )
        for item in found
    ]
    heads = ("id", "endpoint", "version", "stage", "since", "verdict", "why")
    console.table(found, heads, rows, empty="No releases yet. Next: podium release start MODEL VERSION --reason …")


@release.command("show")
def release_show(identifier: Identifier, project: Project = "", json: Json = False) -> None:
    """Show a release: its stage, and challenger against champion.

    Example: podium release show release-018f…
    """
    with session(project) as client:
        item = client.releases.get(identifier)
    _show(item)


@release.command("advance")
def release_advance(identifier: Identifier, project: Project = "", json: Json = False) -> None:
    """Let an approved release go on, or a canary whose time is over.

    Example: podium release advance release-018f…
    """
    with session(project) as client:
        item = client.releases.advance(identifier)
    _show(item)


@release.command("stop")
def release_stop(identifier: Identifier, reason: Reason, project: Project = "", json: Json = False) -> None:
    """End an open release; the champion goes on alone.

    Example: podium release stop release-018f… --reason "the data were wrong"
    """
    with session(project) as client:
        item = client.releases.stop(identifier, reason)
    _show(item)


def rollback(endpoint: Endpoint, reason: Reason, project: Project = "", json: Json = False) -> None:
    """Withdraw the canary, or let the version before the champion decide again.

    Example: podium rollback churn --reason "complaints since noon"
    """
    with session(project) as client:
        item = client.endpoints.rollback(endpoint, reason)
        status = client.endpoints.status(endpoint)
    _show(item)
    console.say(f"{endpoint} now serves version {status.endpoint.champion} (rollout {status.endpoint.rollout}).")


@endpoints.command("list")
def endpoints_list(project: Project = "", json: Json = False) -> None:
    """List endpoints and what decides at each.

    Example: podium endpoints list
    """
    with session(project) as client:
        found = client.endpoints.list()
    rows = [
        (item.name, item.environment, item.model, item.champion or "nothing yet", item.rollout or "") for item in found
    ]
    heads = ("endpoint", "environment", "model", "champion", "rollout")
    console.table(found, heads, rows, empty="No endpoints yet. One is made when a version passes its gates.")


@endpoints.command("show")
def endpoints_show(endpoint: Endpoint, project: Project = "", json: Json = False) -> None:
    """Show an endpoint: its routes and weights, its scorers, and the release on its way.

    Example: podium endpoints show churn
    """
    with session(project) as client:
        found = client.endpoints.status(endpoint)
        releases = client.releases.list(endpoint)
    under_way = [item for item in releases if item.stage in _STAGES and item.stage != "champion"]
    coming = next((item for item in under_way if item.stage != "waiting"), None)
    place = found.endpoint
    pairs: list[tuple[str, Any]] = [
        ("model", place.model),
        ("environment", place.environment),
        ("champion", place.champion or "nothing yet"),
        ("rollout", place.rollout or "none yet"),
        *_scorers(found),
    ]
    pairs += [
        ("coming", Text.assemble(f"version {item.version}: ", _stage(item), f"  {item.note}"))
        for item in reversed(under_way)
    ]
    whole = {"status": found, "release": coming}
    console.details(whole, pairs, title=place.name)
    if not json and found.rollout is not None:
        _show_routes(found.rollout)


@endpoints.command("create")
def endpoints_create(
    endpoint: Endpoint,
    model: Annotated[str, typer.Option(help="The model that it serves.")],
    environment: Annotated[str, typer.Option(help="Where it stands.")] = "production",
    project: Project = "",
    json: Json = False,
) -> None:
    """Make an endpoint for a model; `podium endpoints delete` undoes it.

    Example: podium endpoints create churn-batch --model churn
    """
    with session(project) as client:
        made = client.endpoints.create(endpoint, model=model, environment=environment)
    console.details(made, [("model", made.model), ("environment", made.environment)], title=made.name)


@endpoints.command("delete")
def endpoints_delete(endpoint: Endpoint, project: Project = "", json: Json = False) -> None:
    """Delete an endpoint where nothing decides.

    Example: podium endpoints delete churn-batch
    """
    with session(project) as client:
        client.endpoints.delete(endpoint)
    console.details({"deleted": endpoint}, [("deleted", endpoint)])


def _stage(item: "plans.Release") -> Text:
    return Text(item.stage, style=_STAGES.get(item.stage, "red"))


def _show(item: "plans.Release") -> None:
    pairs: list[tuple[str, Any]] = [
        ("stage", Text.assemble(_stage(item), f" since {console.when(item.stage_since_us)}")),
        ("replaces", "nothing" if item.replaces is None else f"version {item.replaces}"),
        ("bundle", console.short(item.digest)),
        ("why", f"{item.reason} ({item.created_by}, {console.when(item.created_us)})"),
    ]
    if item.note:
        pairs.append(("note", item.note))
    if item.comparison is not None:
        pairs.extend(_comparison(item.comparison))
    pairs.append(("id", item.id))
    console.details(item, pairs, title=f"{item.model} {item.version} to {item.endpoint}")


def _comparison(item: "plans.Comparison") -> list[tuple[str, Any]]:
    interval = f"{item.difference:+.5g} [{item.low:+.5g}, {item.high:+.5g}]"
    said = f"{interval} on {item.rows:,} rows, at {item.confidence:.0%} (positive: the challenger is better)"
    if not (item.low or item.high):
        said = f"{item.rows:,} rows so far that both scored"
    found: list[tuple[str, Any]] = [("verdict", item.verdict), (item.metric, said)]
    if item.cost_difference is not None:
        sure = "" if item.cost_low is None else f" [{item.cost_low:+.5g}, {item.cost_high:+.5g}]"
        found.append(("saves", f"{item.cost_difference:+.5g}{sure} per row"))
    found.extend(
        (f"guard: {each.metric}{f' by {each.by}' if each.by else ''}", _guarded(each)) for each in item.guardrails
    )
    return found


def _guarded(item: "plans.Guarded") -> Text:
    style = {"worse": "red", "not-enough-data": "yellow"}.get(item.verdict, "green")
    said = f" on {item.rows:,} rows"
    if item.first is not None and item.second is not None:
        said = (
            f" {item.first:.5g} → {item.second:.5g}, {item.difference:+.5g} [{item.low:+.5g}, {item.high:+.5g}]"
            f" on {item.rows:,} rows; may be worse by {item.margin:.5g}"
            f"{f', timed by {item.timed_by}' if item.timed_by else ''}"
        )
    return Text.assemble((item.verdict, style), said)


def _scorers(found: "endpoint.Status") -> list[tuple[str, Any]]:
    refused = [
        ("refused", Text(f"{item.scorer} refuses rollout {item.number}: {item.reason}", style="red"))
        for item in found.refused
    ]
    if not found.scorers:
        return refused or [("scorers", "none has reported this endpoint")]
    state = "all serve it" if found.settled else "not all serve it yet"
    said = [f"{item.scorer} at rollout {item.number}" for item in found.scorers]
    return [("scorers", f"{', '.join(said)} ({state})"), *refused]


def _show_routes(found: "rollout.Rollout") -> None:
    rows = [
        (
            route.role,
            route.version,
            f"{route.weight:.0%}",
            "" if route.threshold is None else f"{route.threshold:.5g}",
            console.short(route.digest),
            ", ".join(f"{item.person} ({item.role})" for item in route.approvals),
        )
        for route in found.routes
    ]
    heads = ("route", "version", "weight", "threshold", "bundle", "approved by")
    console.table(found, heads, rows, empty="Nothing is routed.")
