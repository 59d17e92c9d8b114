"""Where news of alerts and approvals goes: a web address, a chat's hook, people's mail; and what became of it."""

import enum

import msgspec


class ChannelKind(enum.StrEnum):
    """`webhook`: CloudEvents, signed. `slack`: the JSON that chats' incoming hooks take. `email`: plain text."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    EMAIL = "email"


class News(enum.StrEnum):
    """What happens to an alert or an approval that people may want to hear of."""

    OPENED = "alert.opened"
    REOPENED = "alert.reopened"
    ACKNOWLEDGED = "alert.acknowledged"
    SNOOZED = "alert.snoozed"
    RESOLVED = "alert.resolved"
    EXPIRING = "approval.expiring"
    EXPIRED = "approval.expired"


DEFAULT_NEWS = (News.OPENED, News.REOPENED, News.RESOLVED, News.EXPIRING, News.EXPIRED)


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel of a project. The address of a chat's hook is a secret: `shown` is what people see of it."""

    id: str
    project: str
    name: str
    kind: ChannelKind
    shown: str
    """The address without what must stay secret: scheme and host of a hook, the mail addresses."""
    news: tuple[News, ...] = DEFAULT_NEWS
    endpoint: str | None = None
    """Only this endpoint's alerts, and no approvals; None: all of the project."""
    created_us: int
    created_by: str


class NewChannel(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to making a channel: the only time that the secret which signs its messages is seen."""

    channel: Channel
    secret: str | None
    """`whsec_…` for a web hook; None for the others, whose messages are not signed."""


class ChannelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to make. `to`: an https address, or mail addresses with commas between them."""

    name: str
    kind: ChannelKind
    to: str
    news: tuple[News, ...] = DEFAULT_NEWS
    endpoint: str | None = None


class DeliveryState(enum.StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one channel. Its id is in the message: who gets it twice knows it by that."""

    id: str
    project: str
    channel: str
    """The channel's name."""
    alert: str
    """Empty for a message of an approval, or that only tries the channel."""
    news: str
    state: DeliveryState
    attempts: int
    problem: str | None = None
    """Why the last attempt failed."""
    created_us: int
    settled_us: int | None = None
