"""How much may wait for the disk: so many rows, and so many bytes of them, as rows may have long texts."""

from podium.scoring.log.places import Limits

_MANY = 4096
"""So many rows at once leave room to others."""


class Room:
    """What waits. `take` and `handed` are called under one lock; the others by the thread that writes, `leave` under
    that lock, too."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.rows = 0
        self._came = 0
        """Bytes that came, and that the writing thread has not seen: of messages, or of what rows came in."""
        self._kept = 0
        """Bytes that the thread has."""

    def take(self, count: int, size: int) -> bool:
        """Let rows of that size in, if there is room: bytes that come alone may be more than may wait."""
        before = self._came + self._kept
        if self.rows + count > self._most(count) or (before and before + size > self._limits.waiting_bytes):
            return False
        self.rows += count
        self._came += size
        return True

    def _most(self, count: int) -> int:
        """How many rows may wait when so many more have joined them: many leave some room to the few of others."""
        left = min(count, self._limits.waiting // 4) if self.rows and count >= _MANY else 0
        return self._limits.waiting - left

    def handed(self) -> None:
        """The thread has all that came."""
        self._kept += self._came
        self._came = 0

    def keep(self, size: int) -> None:
        """So many bytes are what the thread still has."""
        self._kept = size

    def leave(self, count: int) -> None:
        """So many rows wait no longer."""
        self.rows -= count
