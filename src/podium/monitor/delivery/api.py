"""Routes of channels and deliveries."""

from typing import Annotated

from litestar import delete, get, post
from litestar.params import Parameter

from podium.core import channel
from podium.core.access import Caller, Permission
from podium.monitor.delivery import actions
from podium.monitor.delivery import store as rows
from podium.store.store import Store

_CHANNELS = "/api/v1/projects/{project:str}/channels"
_READ = {"permission": Permission.READ}
_MONITOR = {"permission": Permission.MONITOR}
Limit = Annotated[int, Parameter(ge=1, le=1000)]


@get(_CHANNELS, opt=_READ, sync_to_thread=True)
def list_channels(store: Store, caller: Caller) -> list[channel.Channel]:
    """Where news of alerts goes."""
    with store.read() as connection:
        return rows.list_channels(connection, caller.project)


@post(_CHANNELS, opt=_MONITOR, sync_to_thread=True)
def create_channel(store: Store, caller: Caller, data: channel.ChannelRequest) -> channel.NewChannel:
    """Make a channel; the secret of a web hook is shown this once."""
    return actions.create(store, caller, data)


@delete(_CHANNELS + "/{name:str}", opt=_MONITOR, status_code=200, sync_to_thread=True)
def remove_channel(store: Store, caller: Caller, name: str) -> channel.Channel:
    """Remove a channel."""
    return actions.remove(store, caller, name)


@post(_CHANNELS + "/{name:str}/test", opt=_MONITOR, status_code=200, sync_to_thread=True)
def test_channel(store: Store, caller: Caller, name: str) -> channel.Delivery:
    """Send a message that only tries the channel."""
    return actions.send_test(store, caller, name)


@get("/api/v1/projects/{project:str}/deliveries", opt=_READ, sync_to_thread=True)
def list_deliveries(
    store: Store,
    caller: Caller,
    alert: str | None = None,
    to: Annotated[str | None, Parameter(query="channel")] = None,
    limit: Limit = 100,
) -> list[channel.Delivery]:
    """Messages, newest first: of an alert, or to a channel."""
    with store.read() as connection:
        return rows.list_deliveries(connection, caller.project, alert=alert, name=to, limit=limit)


routes = [list_channels, create_channel, remove_channel, test_channel, list_deliveries]
