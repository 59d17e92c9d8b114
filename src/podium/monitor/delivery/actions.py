"""Channels are made, tried and removed by people; news of alerts and approvals go to each that wants to hear them."""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from podium.core import access, channel, event
from podium.core import name as names
from podium.core.channel import ChannelKind, DeliveryState
from podium.core.errors import Conflict, Invalid
from podium.deploy.endpoints import store as endpoints
from podium.jobs import queue
from podium.jobs import store as jobs
from podium.monitor.delivery import address, hook, mail, message
from podium.monitor.delivery import store as rows
from podium.store.store import Store
from podium.store.transaction import Transaction

JOB = "monitor.deliver"
_MONITOR = access.Permission.MONITOR
_ATTEMPTS = 14
"""With waits that double from a second to five minutes: for about forty minutes."""


def create(store: Store, caller: access.Caller, wanted: channel.ChannelRequest) -> channel.NewChannel:
    """Make a channel. `Invalid` for an address of the wrong form, `Conflict` when the name is taken."""
    names.check(wanted.name, "name")
    shown = _shown(wanted)
    if not wanted.news:
        raise Invalid("A channel hears of something.", field="news", fix="Leave it out for the usual.")
    with store.write(caller) as tx:
        if wanted.endpoint is not None:
            endpoints.get(tx.connection, caller.project, wanted.endpoint)
        if rows.find_channel(tx.connection, caller.project, wanted.name) is not None:
            raise Conflict("There is a channel of that name.", field="name", fix="Choose another, or remove that one.")
        made = channel.Channel(
            id=tx.new_id("channel"),
            project=caller.project,
            name=wanted.name,
            kind=wanted.kind,
            shown=shown,
            news=tuple(dict.fromkeys(wanted.news)),
            endpoint=wanted.endpoint,
            created_us=tx.now_us,
            created_by=caller.name,
        )
        rows.add_channel(tx.connection, made, wanted.to)
        _record(tx, "channel.created", made, {"news": list(made.news)})
        tx.done(channel.NewChannel(channel=made, secret=None))  # what is kept for a repeated request tells no secret
    signed = hook.secret_text(secret(store, made.id)) if made.kind is ChannelKind.WEBHOOK else None
    return channel.NewChannel(channel=made, secret=signed)


def remove(store: Store, caller: access.Caller, name: str) -> channel.Channel:
    """Remove a channel; messages that wait for it are given up."""
    with store.write(caller) as tx:
        held = rows.get_channel(tx.connection, caller.project, name)
        rows.remove_channel(tx.connection, held.id, tx.now_us)
        _record(tx, "channel.removed", held, {})
        return tx.done(held)


def send_test(store: Store, caller: access.Caller, name: str) -> channel.Delivery:
    """Send a message that only tries the channel."""
    with store.write(caller) as tx:
        to = rows.get_channel(tx.connection, caller.project, name)
        made = _record(tx, "channel.tried", to, {})
        text = f"{caller.name} tries the channel {to.name}. If you read this, alerts reach you."
        content = message.Message(
            event=made.id,
            kind=made.kind,
            at_us=tx.now_us,
            project=caller.project,
            actor=caller.name,
            alert="",
            endpoint="",
            version=None,
            text=text,
        )
        return tx.done(_enqueue(tx, to, content))


def spread(tx: Transaction, made: event.Event) -> None:
    """Enqueue an alert's or an approval's event for each channel that wants to hear it, in its own transaction."""
    content = message.of(made)
    for to in rows.list_channels(tx.connection, made.project):
        if made.kind in to.news and to.endpoint in (None, content.endpoint):
            _enqueue(tx, to, content)


def give_up(tx: Transaction, made: event.Event) -> None:
    """A job that failed for good settles its delivery."""
    if made.detail.get("kind") == JOB:
        delivery = str(jobs.get(tx.connection, made.project, made.subject.id).args["delivery"])
        rows.settle(tx.connection, delivery, DeliveryState.FAILED, tx.now_us)


def secret(store: Store, identifier: str) -> bytes:
    """The 32 bytes that sign a channel's messages: they follow from the control plane's key, and are kept nowhere."""
    return hashlib.sha256(store.signer(f"podium channel {identifier}".encode())).digest()


def _enqueue(tx: Transaction, to: channel.Channel, content: message.Message) -> channel.Delivery:
    made = channel.Delivery(
        id=tx.new_id("delivery"),
        project=to.project,
        channel=to.name,
        alert=content.alert,
        news=content.kind,
        state=DeliveryState.WAITING,
        attempts=0,
        created_us=tx.now_us,
    )
    rows.add_delivery(tx.connection, made, to, content)
    queue.enqueue(tx, JOB, {"delivery": made.id}, project=to.project, priority=20, max_attempts=_ATTEMPTS)
    return made


def _shown(wanted: channel.ChannelRequest) -> str:
    if wanted.kind is ChannelKind.EMAIL:
        return ", ".join(mail.addresses(wanted.to))
    parts = urlsplit(address.check(wanted.to))
    hidden = "/…" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{hidden}"


def _record(tx: Transaction, kind: str, item: channel.Channel, detail: Mapping[str, Any]) -> event.Event:
    known = {"name": item.name, "kind": item.kind.value, "to": item.shown, "endpoint": item.endpoint}
    return tx.record(kind, event.Subject("channel", item.id), permission=_MONITOR, detail={**known, **detail})
