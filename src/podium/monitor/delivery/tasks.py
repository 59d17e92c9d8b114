"""The job that sends one message to one channel, again and again until it is taken or there is no use."""

from typing import Any

import msgspec

from podium.core import access, event, time
from podium.core.channel import ChannelKind, DeliveryState
from podium.core.errors import PodiumError, Refused
from podium.jobs.context import JobContext
from podium.monitor.delivery import actions, address, hook, mail, message
from podium.monitor.delivery import store as rows

_JSON = "application/json"
_CLOUD_EVENT = "application/cloudevents+json; charset=utf-8"


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says of the world: hosts inside that hooks may reach, the mail server, the sender's address."""

    hook_hosts: str = ""
    mail_server: str = ""
    mail_from: str = ""


def deliver(outside: Outside, context: JobContext) -> dict[str, Any] | None:
    """Send `args["delivery"]`. One that was delivered by an attempt that died before it could say so goes out again
    under the same id."""
    store, project = context.store, context.job.project
    with store.read() as connection:
        wanted = rows.get_outgoing(connection, project, str(context.job.args["delivery"]))
    if wanted.delivery.state is not DeliveryState.WAITING:
        return {"state": wanted.delivery.state.value}
    try:
        _send(context, outside, wanted)
    except PodiumError as problem:
        with store.plumbing() as connection:
            rows.tried(connection, wanted.delivery.id, str(problem))
        raise
    with context.finishing(result={"state": DeliveryState.DELIVERED.value}) as tx:
        rows.settle(tx.connection, wanted.delivery.id, DeliveryState.DELIVERED, tx.now_us)
        tx.record(
            "alert.delivered",
            event.Subject("delivery", wanted.delivery.id),
            permission=access.Permission.MONITOR,
            parents=[event.Subject("channel", wanted.channel_id)],
            detail={
                "channel": wanted.delivery.channel,
                "alert": wanted.delivery.alert,
                "news": wanted.delivery.news,
                "attempts": wanted.delivery.attempts + 1,
            },
        )
    return None


def _send(context: JobContext, outside: Outside, wanted: rows.Outgoing) -> None:
    if wanted.removed:
        raise Refused("The channel was removed.", field="channel")
    said, identifier = wanted.message, wanted.delivery.id
    if wanted.kind is ChannelKind.EMAIL:
        to = mail.addresses(wanted.address)
        subject, text = message.title(said), message.plain(said) + "\n"
        mail.send(outside.mail_server, outside.mail_from, to, subject, text, identifier)
        return
    allowed, trace = address.allowed(outside.hook_hosts), context.caller.trace
    if wanted.kind is ChannelKind.SLACK:
        hook.post(wanted.address, message.chat(said), {"Content-Type": _JSON, **trace}, allowed)
        return
    body = message.cloud_event(said, identifier)
    at_s = time.to_us(context.store.lease_clock()) // 1_000_000
    signed = hook.signed_headers(actions.secret(context.store, wanted.channel_id), identifier, at_s, body)
    hook.post(wanted.address, body, {"Content-Type": _CLOUD_EVENT, **signed, **trace}, allowed)
