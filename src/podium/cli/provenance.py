"""`lineage` and `audit`: what came from what, and who did what, provably."""

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from podium.cli import address, console
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core.errors import Invalid
from podium.core.name import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podium.core import event
    from podium.core import lineage as graph

audit = typer.Typer(help="Who did what, and the proof that nothing was changed since.", no_args_is_help=True)
_NOUNS = "dataset, version or run (by NAME/NUMBER), release or approval (by id), model or endpoint (by name)"
_KNOWN = (
    *("alert", "approval", "channel", "dataset", "delivery", "drill", "endpoint", "evidence", "job", "log", "model"),
    *("outcomes", "release", "review", "rollout", "run", "schedule", "segment", "source", "spec", "version", "window"),
)
_FOUND = {"dataset": address.dataset, "version": address.version, "run": address.run}


class Direction(enum.StrEnum):
    """Which way to look."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


def lineage(
    noun: Annotated[str, typer.Argument(metavar="NOUN", help=f"What it is: {_NOUNS}.")],
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Its NAME/NUMBER, digest, id or name.")],
    direction: Annotated[Direction, typer.Option(help="What it came from, what came of it, or both.")] = Direction.BOTH,
    depth: Annotated[int, typer.Option(min=1, max=50, help="How many steps.")] = 10,
    project: Project = "",
    json: Json = False,
) -> None:
    """Show what something came from and what came of it, as a tree.

    Example: podium lineage version churn/3 --direction up
    """
    if noun not in _KNOWN:
        raise Invalid("There is nothing of that kind.", field="NOUN", fix=nearest(noun, _KNOWN))
    with session(project) as client:
        subject = _FOUND[noun](client, identifier) if noun in _FOUND else identifier
        found = client.lineage.trace(noun, subject, direction=direction, depth=depth)
    if json:
        console.print_json(found)
        return
    if not found.edges:
        console.say("Nothing is known of it. See podium audit list for what there is.")
    if direction is not Direction.DOWN and found.edges:
        console.out.print(_tree(found, (noun, subject), "comes from", up=True))
    if direction is not Direction.UP and found.edges:
        console.out.print(_tree(found, (noun, subject), "led to", up=False))
    if not found.complete:
        console.say(Text("More was left out: ask from nearer, or with a larger --depth.", style="dim"))


def _tree(found: "graph.Lineage", start: tuple[str, str], words: str, *, up: bool) -> Tree:
    next_to: dict[tuple[str, str], list[tuple[str, tuple[str, str]]]] = {}
    for edge in found.edges:
        source, target = (edge.source.noun, edge.source.id), (edge.target.noun, edge.target.id)
        here, there = (target, source) if up else (source, target)
        next_to.setdefault(here, []).append((edge.kind, there))
    tree = Tree(Text.assemble(_label(start), (f" {words}", "dim")))
    seen = {start}

    def grow(branch: Tree, at: tuple[str, str]) -> None:
        for kind, there in dict.fromkeys(next_to.get(at, [])):
            again = there in seen
            label = Text.assemble(_label(there), (f"  {kind}", "dim"), (" (shown above)" if again else "", "dim"))
            child = branch.add(label)
            if not again:
                seen.add(there)
                grow(child, there)

    grow(tree, start)
    return tree


def _label(node: tuple[str, str]) -> Text:
    noun, identifier = node
    shown = console.short(identifier) if identifier.startswith("sha256:") else identifier
    return Text.assemble((noun, "bold"), " ", shown)


@audit.command("list")
def audit_list(
    kind: Annotated[str, typer.Option(help="Only this kind; ending in a dot, all that begin with it: release.")] = "",
    actor: Annotated[str, typer.Option(help="Only what this person or process did.")] = "",
    subject: Annotated[str, typer.Option(help="Only about this id, digest or name.")] = "",
    after: Annotated[int, typer.Option(help="Oldest first, after this number.")] = -1,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    project: Project = "",
    json: Json = False,
) -> None:
    """List what was done, newest first.

    Example: podium audit list --kind approval. --actor vera
    """
    with session(project) as client:
        found = client.audit.list(
            kind=kind or None,
            actor=actor or None,
            subject=subject or None,
            after=after if after >= 0 else None,
            limit=limit,
        )
    console.table(found, EVENT_HEADS, event_rows(found), empty="Nothing has happened yet.")


@audit.command("verify")
def audit_verify(project: Project = "", json: Json = False) -> None:
    """Recompute the chain of events from its stored bytes; exit code 1 when it is broken.

    Example: podium audit verify
    """
    with session(project) as client:
        found = client.audit.verify()
    if json:
        console.print_json(found)
    elif found.broken_at is None:
        console.say(Text.assemble(("✓", "green"), f" {found.events:,} events hold, up to {found.head}"))
    else:
        broken = f" Broken at event {found.broken_at} of {found.events:,}: {found.problem}"
        console.say(Text.assemble(("✗", "red"), broken))
    if found.broken_at is not None:
        raise typer.Exit(1)


@audit.command("export")
def audit_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write them; - for the terminal.")],
    project: Project = "",
    json: Json = False,
) -> None:
    """Write the project's events to a file, one JSON document a line.

    Example: podium audit export events.jsonl
    """
    with session(project) as client:
        if str(file) == "-":
            for piece in client.audit.export():
                console.out.file.write(piece.decode())
            return
        lines = 0
        with console.progress("Exporting"), file.open("wb") as target:
            for piece in client.audit.export():
                lines += piece.count(b"\n")
                target.write(piece)
    told = f"{lines:,} of project {client.project}"
    console.details({"file": str(file), "events": lines}, [("file", file), ("events", told)])


EVENT_HEADS = ("number", "when", "who", "as", "what", "about")


def event_rows(found: "Iterable[event.Entry]") -> list[tuple[object, ...]]:
    """Events as rows for people."""
    return [
        (
            entry.number,
            entry.event.at.strftime("%Y-%m-%d %H:%M:%S"),
            entry.event.actor,
            entry.event.role,
            entry.event.kind,
            about(entry.event),
        )
        for entry in found
    ]


def about(item: "event.Event") -> str:
    """What an event is about, as people name it."""
    detail = item.detail
    named = [str(detail[key]) for key in ("endpoint", "model") if detail.get(key)][:1]
    number = detail.get("version", detail.get("number"))
    words = [*named, *([str(number)] if isinstance(number, int) else [])]
    shown = console.short(item.subject.id) if item.subject.id.startswith("sha256:") else item.subject.id
    why = detail.get("why") or detail.get("reason") or ""
    return " ".join([*(words or [item.subject.noun, shown]), *([f"({why})"] if why else [])])
