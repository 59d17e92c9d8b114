"""`reviews`: predictions that no model decides, and the people's decisions."""

from typing import Annotated, Any

import typer

from podium.cli import console
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core import review
from podium.core.errors import Invalid

reviews = typer.Typer(help="Predictions that wait for a person's decision.", no_args_is_help=True)


@reviews.command("list")
def list_reviews(
    endpoint: Annotated[str, typer.Option(help="Only of this endpoint.")] = "",
    state: Annotated[review.ReviewState, typer.Option(help="Those that wait, or that were decided.")] = (
        review.ReviewState.WAITING
    ),
    after: Annotated[str, typer.Option(help="Those after this id.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    project: Project = "",
    json: Json = False,
) -> None:
    """List referred predictions, those that have waited longest first.

    Example: podium reviews list --endpoint churn
    """
    with session(project) as client:
        found = client.reviews.list(endpoint=endpoint or None, state=state.value, after=after, limit=limit)
    heads = ("id", "scored", "endpoint", "key", "score", "decision", "by", "reason")
    lines = [
        (
            item.id,
            console.when(item.at_us),
            item.endpoint,
            item.key,
            f"{item.score:.3f}",
            _said(item.decision),
            item.decided_by,
            item.reason,
        )
        for item in found
    ]
    console.table(found, heads, lines, empty=f"None is {state}.")


@reviews.command("show")
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The review's id.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Show a referred prediction with its features, and what was decided.

    Example: podium reviews show review-018f2c
    """
    with session(project) as client:
        _show(client.reviews.get(identifier))


@reviews.command("decide")
def decide(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The review's id.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with your name.")],
    act: Annotated[bool | None, typer.Option("--act/--do-not-act", help="What is to be done.")] = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Instead of what was decided before, which stays on record.")
    ] = False,
    project: Project = "",
    json: Json = False,
) -> None:
    """Decide a referred prediction; in monitoring this is its decision from then on.

    Example: podium reviews decide review-018f2c --act --reason "A storm is over the hub."
    """
    if act is None:
        raise Invalid("Say what is to be done.", field="--act", fix="Give --act or --do-not-act.")
    with session(project) as client:
        _show(client.reviews.decide(identifier, act=act, reason=reason, correct=correct))


def _show(item: review.Review) -> None:
    pairs: list[tuple[str, Any]] = [
        ("endpoint", f"{item.endpoint}, version {item.version}"),
        ("prediction", item.prediction_id),
        ("key", item.key),
        ("scored", console.when(item.at_us)),
        ("score", f"{item.score:.6g} (threshold {item.threshold:.6g})"),
        *((name, "unknown" if value is None else value) for name, value in item.features.items()),
        ("state", item.state.value),
    ]
    if item.state is review.ReviewState.DECIDED:
        pairs += [
            ("decided", _said(item.decision)),
            ("by", f"{item.decided_by}, {console.when(item.decided_us)}"),
            ("because", item.reason),
        ]
    pairs += [
        (
            f"corrected {at}",
            f"{_said(each.decision)}, {each.decided_by}, {console.when(each.decided_us)}: {each.reason}",
        )
        for at, each in enumerate(item.earlier, start=1)
    ]
    console.details(item, pairs, title=item.id)


def _said(decision: bool | None) -> str:
    return "" if decision is None else "act" if decision else "do not act"
