"""Rows that come by another way than HTTP gather in groups until some turns of the loop bring no more.

gRPC's library hands over one call in a turn, or in several, so that the turn's end alone would find one.
"""

import asyncio
from collections.abc import Callable

from podium.core.rollout import Durability
from podium.scoring import engine
from podium.scoring.work import Entry, Group

_QUIET = 4
"""Turns without another one."""


class Joining:
    """The groups. `full`: so many requests wait no longer; `ready` hears how many wait, and if some are durable."""

    def __init__(self, loop: asyncio.AbstractEventLoop, full: int, ready: Callable[[int, bool], None]) -> None:
        self._loop = loop
        self._full = full
        self._ready = ready
        self._groups: list[Group] = []

    def find(self, loaded: engine.Loaded) -> Group | None:
        """The group that is answered by that rollout."""
        return next((group for group in self._groups if group.loaded is loaded), None)

    def add(self, group: Group, entry: Entry) -> None:
        """One more request of that group, which may be new."""
        group.entries.append(entry)
        if len(group.entries) == 1:
            self._groups.append(group)
            if len(self._groups) == 1:
                self._loop.call_soon(self._look, 0, 0)

    def take(self) -> list[Group]:
        """All groups, to be scored now."""
        groups, self._groups = self._groups, []
        return groups

    def _look(self, before: int, quiet: int) -> None:
        waiting = sum([group.requests for group in self._groups])
        quiet = 0 if waiting > before else quiet + 1
        if quiet < _QUIET and 0 < waiting < self._full:
            self._loop.call_soon(self._look, waiting, quiet)
        elif waiting:
            self._ready(waiting, any(group.loaded.document.durability is Durability.DURABLE for group in self._groups))
