"""What a message says: the event of an alert or an approval as a CloudEvent, as a chat's JSON, and as mail."""

from typing import Any

import msgspec

from podium.core import event, time

_TITLE = {
    "alert.opened": "Alert",
    "alert.reopened": "Alert again",
    "alert.acknowledged": "Looked after",
    "alert.snoozed": "Snoozed",
    "alert.resolved": "Resolved",
    "approval.expiring": "An approval ends soon",
    "approval.expired": "An approval has ended",
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
    model: str = ""
    approval: str = ""
    """The id of the approval that it is about, instead of an alert."""


def of(made: event.Event) -> Message:
    """The message about an event of an alert or of an approval."""
    about = made.subject.noun
    return Message(
        event=made.id,
        kind=made.kind,
        at_us=time.to_us(made.at),
        project=made.project,
        actor=made.actor,
        alert=made.subject.id if about == "alert" else "",
        approval=made.subject.id if about == "approval" else "",
        model=str(made.detail.get("model", "")),
        endpoint=str(made.detail.get("endpoint", "")),
        version=made.detail.get("version", made.detail.get("number")),
        text=str(made.detail.get("message", "")),
        note=str(made.detail.get("note", "")),
    )


def cloud_event(message: Message, identifier: str) -> bytes:
    """A CloudEvent 1.0 in structured mode (CNCF CloudEvents 1.0.2, JSON event format); `identifier` is its id."""
    where, about = f"endpoints/{message.endpoint}", {"alert": message.alert, "endpoint": message.endpoint}
    if message.approval:
        where, about = f"models/{message.model}", {"approval": message.approval, "model": message.model}
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": identifier,
        "source": f"/projects/{message.project}/{where}",
        "type": f"podium.{message.kind}",
        "subject": message.approval or message.alert,
        "time": time.from_us(message.at_us).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {
            **about,
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
    where = f" on {message.endpoint}" if message.endpoint else f" for {message.model}" if message.model else ""
    return f"{_TITLE.get(message.kind, message.kind)}{where} ({message.project})"


def plain(message: Message) -> str:
    """The whole as text."""
    note = f" Note by {message.actor}: {message.note}" if message.note else ""
    return f"{message.text}{note}"


def _escape(text: str) -> str:
    """The three characters that chats read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
