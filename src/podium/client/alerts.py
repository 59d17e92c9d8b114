"""Alerts: look, acknowledge, resolve."""

from collections.abc import Sequence

from podium.client.part import Part
from podium.core import alert, event, trigger


class Alerts(Part):
    """Checks that broke their limits."""

    def list(
        self, *, endpoint: str | None = None, state: str | None = None, limit: int = 1000
    ) -> Sequence[alert.Alert]:
        """Alerts, newest first."""
        return self._transport.get(
            f"{self._base}/alerts", list[alert.Alert], endpoint=endpoint, state=state, limit=limit
        )

    def get(self, identifier: str) -> alert.Alert:
        """One alert."""
        return self._transport.get(f"{self._base}/alerts/{identifier}", alert.Alert)

    def acknowledge(self, identifier: str, note: str = "") -> alert.Alert:
        """Say that one has seen it and deals with it."""
        return self._transport.post(f"{self._base}/alerts/{identifier}/acknowledge", alert.Alert, {"note": note})

    def snooze(self, identifier: str, duration: str, note: str = "") -> alert.Alert:
        """Let it sleep for a time such as `12h` or `2d`; it opens again if its checks still break then."""
        body = {"duration": duration, "note": note}
        return self._transport.post(f"{self._base}/alerts/{identifier}/snooze", alert.Alert, body)

    def history(self, identifier: str) -> Sequence[event.Event]:
        """What happened to it, oldest first."""
        return self._transport.get(f"{self._base}/alerts/{identifier}/history", list[event.Event])

    def resolve(self, identifier: str, note: str = "") -> alert.Alert:
        """Close it."""
        return self._transport.post(f"{self._base}/alerts/{identifier}/resolve", alert.Alert, {"note": note})

    def triggers(self, endpoint: str) -> Sequence[trigger.Decision]:
        """What the triggers said at the end of each window, newest first."""
        return self._transport.get(f"{self._base}/endpoints/{endpoint}/triggers", list[trigger.Decision], limit=1000)
