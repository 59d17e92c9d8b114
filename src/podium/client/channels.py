"""Channels: where news of alerts goes, and what became of each message."""

from collections.abc import Sequence

from podium.client.part import Part
from podium.core import channel


class Channels(Part):
    """Where news of alerts goes."""

    def list(self) -> Sequence[channel.Channel]:
        """The project's channels, by name."""
        return self._transport.get(f"{self._base}/channels", list[channel.Channel])

    def create(self, wanted: channel.ChannelRequest) -> channel.NewChannel:
        """Make one. The secret that signs a web hook's messages is in this answer only."""
        return self._transport.post(f"{self._base}/channels", channel.NewChannel, wanted)

    def remove(self, name: str) -> None:
        """Remove one; what waits for it is given up."""
        self._transport.delete(f"{self._base}/channels/{name}")

    def test(self, name: str) -> channel.Delivery:
        """Send a message that only tries it."""
        return self._transport.post(f"{self._base}/channels/{name}/test", channel.Delivery)

    def deliveries(
        self, *, alert: str | None = None, name: str | None = None, limit: int = 100
    ) -> Sequence[channel.Delivery]:
        """Messages, newest first: of an alert, or to a channel."""
        path = f"{self._base}/deliveries"
        return self._transport.get(path, list[channel.Delivery], alert=alert, channel=name, limit=limit)
