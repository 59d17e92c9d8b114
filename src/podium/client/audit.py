"""Audit: what was done, by whom, and the proof that nothing was changed since."""

from collections.abc import Iterator, Sequence

from podium.client.part import Part
from podium.core import event


class Audit(Part):
    """The chain of events."""

    def list(
        self,
        *,
        kind: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        after: int | None = None,
        limit: int = 100,
    ) -> Sequence[event.Entry]:
        """A project's activity, newest first; or oldest first `after` a number."""
        path = f"{self._base}/events"
        return self._transport.get(
            path, list[event.Entry], kind=kind, actor=actor, subject=subject, after=after, limit=limit
        )

    def verify(self) -> event.Verified:
        """Recompute the chain from its stored bytes."""
        return self._transport.get(f"{self._base}/audit/verify", event.Verified)

    def export(self) -> Iterator[bytes]:
        """A project's events as JSON lines, in pieces."""
        yield from self._transport.stream(f"{self._base}/audit/export")
