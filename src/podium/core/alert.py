"""A check that broke its limit under its rule."""

import enum

import msgspec


class AlertState(enum.StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, one for each endpoint, version and kind of check; all columns that broke together are in `causes`."""

    id: str
    project: str
    endpoint: str
    version: int
    kind: str
    state: AlertState
    message: str
    causes: tuple[str, ...]
    """Check ids."""
    opened_us: int
    updated_us: int
    acknowledged_by: str | None = None
    resolved_us: int | None = None
    note: str = ""
