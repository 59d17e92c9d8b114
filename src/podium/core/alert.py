"""A check that broke its limit under its rule."""

import enum

import msgspec


class AlertState(enum.StrEnum):
    """`snoozed`: nobody hears of it until an instant; the first window after it that still breaks opens it again."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, one for each endpoint, version and cause; all checks that broke together are in `causes`."""

    id: str
    project: str
    endpoint: str
    version: int
    kind: str
    """The kind of check that tells the cause."""
    kinds: tuple[str, ...] = ()
    """All kinds of checks that broke with it: of null features also drift, of drift also the scores'."""
    state: AlertState
    message: str
    causes: tuple[str, ...]
    """Check ids."""
    opened_us: int
    since_us: int | None = None
    """The start of the first window in which its checks broke; None in alerts of an older Podium."""
    updated_us: int
    acknowledged_by: str | None = None
    snoozed_until_us: int | None = None
    resolved_us: int | None = None
    note: str = ""

    def covers(self) -> frozenset[str]:
        """The kinds of checks that this alert is about."""
        return frozenset((self.kind, *self.kinds))
