"""`approve`, `validate` and `withdraw`: what people decide, in which role, and its undo."""

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from podium.cli import console
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core.errors import Invalid

if TYPE_CHECKING:
    from podium.client.client import Client
    from podium.core import approval


class Role(enum.StrEnum):
    """In which role a person decides."""

    OWNER = "owner"
    VALIDATOR = "validator"


Comment = Annotated[str, typer.Option("--comment", "-c", help="Why, for the record; a no needs one.")]
No = Annotated[bool, typer.Option("--no", help="Say no: the version is rejected for good.")]
As = Annotated[Role, typer.Option("--as", help="In which role.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The version's number.")]


def approve(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Without it: what waits, and for whom.")] = "",
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The version's number.")] = 0,
    comment: Comment = "",
    no: No = False,
    role: As = Role.OWNER,
    project: Project = "",
    json: Json = False,
) -> None:
    """Say yes to a version as its owner, or no; alone: list what waits, and for whom.

    Example: podium approve churn 3 --comment "the campaign needs it"
    """
    if model and not number:
        raise Invalid("Which version?", field="NUMBER", fix=f"Write its number: podium approve {model} 1.")
    with session(project) as client:
        if model:
            _decide(client, (model, number), role, comment, yes=not no)
        else:
            show_pending(client)


def validate(
    model: Model, number: Number, comment: Comment = "", no: No = False, project: Project = "", json: Json = False
) -> None:
    """Say yes to a version as an independent validator, or no.

    Example: podium validate churn 3 --comment "checked the slices"
    """
    with session(project) as client:
        _decide(client, (model, number), Role.VALIDATOR, comment, yes=not no)


def withdraw(
    model: Model,
    number: Number,
    why: Annotated[str, typer.Option(help="Why, for the record.")],
    role: As = Role.OWNER,
    project: Project = "",
    json: Json = False,
) -> None:
    """Take a yes back: the version stops deciding. Saying yes again undoes it.

    Example: podium withdraw churn 3 --as validator --why "the data were wrong"
    """
    with session(project) as client:
        taken = client.versions.withdraw(model, number, role, why)
    rows = [(item.role, item.person, item.void) for item in taken]
    console.table(taken, ("role", "person", "now void"), rows)


def show_pending(client: "Client") -> None:
    """What waits for whom."""
    found = client.approvals.pending()
    rows = [
        (item.model, item.version, item.environment, waits_for(item), ", ".join(item.excluded), command(item))
        for item in found
    ]
    heads = ("model", "version", "environment", "waits for", "not from", "next")
    console.table(found, heads, rows, empty="Nothing waits for anybody.")


def waits_for(item: "approval.Pending") -> str:
    """The roles that a version waits for, the next one first."""
    return ", then ".join([item.next, *(role for role in item.lacks if role != item.next)])


def command(item: "approval.Pending") -> str:
    """What the next person types."""
    verb = "validate" if item.next == "validator" else "approve"
    return f"podium {verb} {item.model} {item.version}"


def _decide(client: "Client", version: tuple[str, int], role: Role, comment: str, *, yes: bool) -> None:
    if not yes and not comment.strip():
        raise Invalid("A no needs a reason.", field="--comment", fix='Write it: --comment "…".')
    verb = client.versions.validate if role is Role.VALIDATOR else client.versions.approve
    made = verb(*version, comment=comment, yes=yes)
    state = client.versions.get(*version).state
    waiting = [item for item in client.approvals.pending() if (item.model, item.version) == version]
    pairs = [
        ("said", f"{made.decision} by {made.person} as {made.role}"),
        ("binds to", f"bundle {console.short(made.digest)}, evidence {console.short(made.evidence)}"),
        ("until", console.when(made.expires_us)),
        ("version", f"{state}" + "".join(f"; waits for {waits_for(item)}: {command(item)}" for item in waiting)),
    ]
    console.details(made, pairs, title=f"{made.model} {made.version}")
