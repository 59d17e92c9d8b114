"""`channels`: where news of alerts and approvals goes."""

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from podium.cli import console
from podium.cli.options import Json, Project
from podium.cli.session import session
from podium.core import channel
from podium.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

channels = typer.Typer(help="Where news of alerts and approvals goes: web hooks, chats, mail.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's name.")]
_COLOURS = {"delivered": "green", "waiting": "yellow", "failed": "red"}
_WAIT_S = 15.0
_POLL_S = 0.1


@channels.command("add")
def channels_add(
    name: Name,
    kind: Annotated[channel.ChannelKind, typer.Option(help="What stands at the other end.")],
    to: Annotated[str, typer.Option(help="An https address, or mail addresses with commas between them.")],
    news: Annotated[list[channel.News] | None, typer.Option(help="Only these; several times for several.")] = None,
    endpoint: Annotated[str, typer.Option(help="Only this endpoint's alerts, and no approvals.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Send news of alerts and approvals somewhere. Prints, once, the secret by which a web hook's receiver checks them.

    Example: podium channels add desk --kind webhook --to https://hooks.example.org/podium
    """
    wanted = channel.ChannelRequest(
        name=name,
        kind=kind,
        to=to,
        news=tuple(news or channel.DEFAULT_NEWS),
        endpoint=endpoint or None,
    )
    with session(project) as client:
        made = client.channels.create(wanted)
    pairs = [("kind", made.channel.kind), ("to", made.channel.shown), ("news", ", ".join(made.channel.news))]
    if made.secret is not None:
        pairs.append(("secret", made.secret))
    console.details(made, pairs, title=f"channel {name}")
    console.say(f"Next: podium channels test {name}")


@channels.command("list")
def channels_list(project: Project = "", json: Json = False) -> None:
    """List channels, by name.

    Example: podium channels list
    """
    with session(project) as client:
        found = client.channels.list()
    rows = [(each.name, each.kind, each.shown, ", ".join(each.news), each.endpoint or "all") for each in found]
    heads = ("name", "kind", "to", "news", "endpoint")
    console.table(found, heads, rows, empty="No channels. Next: podium channels add --help")


@channels.command("test")
def channels_test(name: Name, project: Project = "", json: Json = False) -> None:
    """Send a message that only tries the channel, and say whether it was taken.

    Example: podium channels test desk
    """
    with session(project) as client:
        made = client.channels.test(name)
        deadline = time.monotonic() + _WAIT_S
        while made.state is channel.DeliveryState.WAITING and made.problem is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            found = [each for each in client.channels.deliveries(name=name) if each.id == made.id]
            made = found[0] if found else made
    _show([made])
    if made.problem is not None:
        raise Refused(f"The channel did not take it: {made.problem}")


@channels.command("deliveries")
def channels_deliveries(
    name: Annotated[str, typer.Option("--channel", help="Only this channel's.")] = "",
    alert: Annotated[str, typer.Option(help="Only this alert's.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """List messages, newest first, and what became of them.

    Example: podium channels deliveries --channel desk
    """
    with session(project) as client:
        found = client.channels.deliveries(alert=alert or None, name=name or None)
    _show(found)


@channels.command("remove")
def channels_remove(name: Name, project: Project = "", json: Json = False) -> None:
    """Remove a channel; what waits for it is given up.

    Example: podium channels remove desk
    """
    with session(project) as client:
        client.channels.remove(name)
    console.details({"removed": name}, [("removed", name)], title=f"channel {name}")


def _show(found: "Sequence[channel.Delivery]") -> None:
    rows = [
        (
            each.id,
            each.channel,
            each.news,
            each.alert,
            Text(each.state, style=_COLOURS[each.state]),
            each.attempts,
            console.when(each.created_us),
            each.problem,
        )
        for each in found
    ]
    heads = ("id", "channel", "news", "alert", "state", "attempts", "made", "problem")
    console.table(found, heads, rows, empty="No messages.")
