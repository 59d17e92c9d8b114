"""What a message says: the event of an alert as a CloudEvent, as a chat's JSON, and as mail."""

from typing import Any

import msgspec

from podium.core import event, time

_TITLE = {
    "alert.opened": "Alert",
    "alert.reopened": "Alert again",
    "alert.acknowledged": "Looked after",
    "alert.snoozed": "Snoozed",
    "alert.resolved": "Resolved",
    "channel.tried": "A test",
}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it goes out; kept when it happened, so that later attempts say the same."""

    event: str
    kind: str
    at_us: int
    project: str
    actor: str
    alert: str
    endpoint: str
    version: int | None
    text: str
    note: str = ""


def of(made: event.Event) -> Message:
    """The message about an alert's event."""
    return Message(
        event=made.id,
        kind=made.kind,
        at_us=time.to_us(made.at),
        project=made.project,
        actor=made.actor,
        alert=made.subject.id,
        endpoint=str(made.detail.get("endpoint", "")),
        version=made.detail.get("version"),
        text=str(made.detail.get("message", "")),
        note=str(made.detail.get("note", "")),
    )


def cloud_event(message: Message, identifier: str) -> bytes:
    """A CloudEvent 1.0 in structured mode (CNCF CloudEvents 1.0.2, JSON event format); `identifier` is its id."""
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": identifier,
        "source": f"/projects/{message.project}/endpoints/{message.endpoint}",
        "type": f"podium.{message.kind}",
        "subject": message.alert,
        "time": time.from_us(message.at_us).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {
            "alert": message.alert,
            "endpoint": message.endpoint,
            "version": message.version,
            "message": message.text,
            "note": message.note,
            "actor": message.actor,
            "event": message.event,
        },
    }
    return msgspec.json.encode(made)


def chat(message: Message) -> bytes:
    """The JSON that incoming hooks of chats take: `text`, and blocks for those that show them."""
    text = _escape(plain(message))
    section = {"type": "section", "text": {"type": "mrkdwn", "text": f"*{_escape(title(message))}*\n{text}"}}
    return msgspec.json.encode({"text": f"{_escape(title(message))}: {text}", "blocks": [section]})


def title(message: Message) -> str:
    """One line: what happened, where."""
    where = f" on {message.endpoint}" if message.endpoint else ""
    return f"{_TITLE.get(message.kind, message.kind)}{where} ({message.project})"


def plain(message: Message) -> str:
    """The whole as text."""
    note = f" Note by {message.actor}: {message.note}" if message.note else ""
    return f"{message.text}{note}"


def _escape(text: str) -> str:
    """The three characters that chats read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
