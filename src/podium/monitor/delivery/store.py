"""Rows of channels and of deliveries."""

from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Index, Integer, String, Table, Text, insert, select, text, update

from podium.core import channel
from podium.core.errors import NotFound
from podium.monitor.delivery.message import Message
from podium.store import schema

channels = Table(
    "channels",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("news", schema.Struct(tuple[channel.News, ...]), nullable=False),
    Column("endpoint", String(64)),
    Column("created_us", schema.Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("removed_us", schema.Instant),
)
_STANDING = text("removed_us is null")
Index(
    "channels_one_name",
    channels.c.project,
    channels.c.name,
    unique=True,
    sqlite_where=_STANDING,
    postgresql_where=_STANDING,
)
deliveries = Table(
    "deliveries",
    schema.metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("channel_id", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("alert", String(64), nullable=False),
    Column("news", String(32), nullable=False),
    Column("content", schema.Struct(Message), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("problem", Text),
    Column("created_us", schema.Instant, nullable=False),
    Column("settled_us", schema.Instant),
)
Index("deliveries_by_alert", deliveries.c.project, deliveries.c.alert, deliveries.c.id)
_SHOWN = [column for column in channels.c if column.name not in ("address", "removed_us")]
_TOLD = [column for column in deliveries.c if column.name not in ("channel_id", "content")]


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with what its sender needs: the address as it was given, and the message."""

    delivery: channel.Delivery
    channel_id: str
    kind: channel.ChannelKind
    address: str
    removed: bool
    message: Message


def add_channel(connection: Connection, made: channel.Channel, address: str) -> None:
    """Insert a channel. A second one of the name is the caller's to refuse (a unique index stands behind)."""
    connection.execute(insert(channels).values(address=address, **msgspec.structs.asdict(made)))


def remove_channel(connection: Connection, identifier: str, now_us: int) -> None:
    """From now on it gets nothing; its deliveries stay on record, its address does not."""
    changed = {"removed_us": now_us, "address": ""}
    connection.execute(update(channels).where(channels.c.id == identifier).values(changed))


def find_channel(connection: Connection, project: str, name: str) -> channel.Channel | None:
    """The channel of that name, if it stands."""
    query = select(*_SHOWN).where(channels.c.project == project, channels.c.name == name, _STANDING)
    row = connection.execute(query).first()
    return None if row is None else schema.to_struct(row, channel.Channel)


def get_channel(connection: Connection, project: str, name: str) -> channel.Channel:
    """The channel of that name, or `NotFound`."""
    found = find_channel(connection, project, name)
    if found is None:
        raise NotFound("There is no channel of that name.", field="channel", fix="See podium channels list.")
    return found


def list_channels(connection: Connection, project: str) -> list[channel.Channel]:
    """The project's channels by name."""
    query = select(*_SHOWN).where(channels.c.project == project, _STANDING).order_by(channels.c.name)
    return [schema.to_struct(row, channel.Channel) for row in connection.execute(query)]


def add_delivery(connection: Connection, made: channel.Delivery, to: channel.Channel, message: Message) -> None:
    """Insert a delivery that waits to be sent."""
    values = {**msgspec.structs.asdict(made), "channel_id": to.id, "content": message}
    connection.execute(insert(deliveries).values(values))


def get_outgoing(connection: Connection, project: str, identifier: str) -> Outgoing:
    """A delivery as its sender needs it, or `NotFound`."""
    query = (
        select(deliveries, channels.c.kind, channels.c.address, channels.c.removed_us)
        .join(channels, channels.c.id == deliveries.c.channel_id)
        .where(deliveries.c.project == project, deliveries.c.id == identifier)
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFound("There is no delivery of that id in this project.", field="delivery")
    values: dict[str, Any] = row._asdict()
    known = {name: values[name] for name in channel.Delivery.__struct_fields__}
    return Outgoing(
        delivery=msgspec.convert(known, channel.Delivery),
        channel_id=values["channel_id"],
        kind=channel.ChannelKind(values["kind"]),
        address=values["address"],
        removed=values["removed_us"] is not None,
        message=values["content"],
    )


def tried(connection: Connection, identifier: str, problem: str) -> None:
    """An attempt failed."""
    counted = {"attempts": deliveries.c.attempts + 1, "problem": problem[:1000]}
    connection.execute(update(deliveries).where(deliveries.c.id == identifier).values(counted))


def settle(connection: Connection, identifier: str, state: channel.DeliveryState, now_us: int) -> None:
    """It is delivered, or given up; a delivered one counts its last attempt and has no problem."""
    values: dict[str, Any] = {"state": state.value, "settled_us": now_us}
    if state is channel.DeliveryState.DELIVERED:
        values |= {"attempts": deliveries.c.attempts + 1, "problem": None}
    connection.execute(update(deliveries).where(deliveries.c.id == identifier).values(values))


def list_deliveries(
    connection: Connection, project: str, *, alert: str | None = None, name: str | None = None, limit: int = 100
) -> list[channel.Delivery]:
    """Deliveries, newest first: of an alert, or to a channel."""
    query = select(*_TOLD).where(deliveries.c.project == project)
    if alert is not None:
        query = query.where(deliveries.c.alert == alert)
    if name is not None:
        query = query.where(deliveries.c.channel == name)
    rows = connection.execute(query.order_by(deliveries.c.id.desc()).limit(limit))
    return [schema.to_struct(row, channel.Delivery) for row in rows]
