"""Measures computed over a window and compared with a limit."""

import enum

import msgspec

from podium.core.window import Window


class CheckKind(enum.StrEnum):
    DRIFT = "drift"
    SCORE_DRIFT = "score-drift"
    QUALITY = "quality"
    PERFORMANCE = "performance"
    COST = "cost"


class CheckState(enum.StrEnum):
    OK = "ok"
    BROKEN = "broken"
    NOT_ENOUGH_DATA = "not-enough-data"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check's result for one version in one window."""

    id: str
    project: str
    endpoint: str
    version: int
    window: Window
    kind: CheckKind
    measure: str
    """psi, missing_rate, new_categories, log_loss, cost_per_row, …"""
    column: str | None
    value: float | None
    reference: float | None
    limit: float
    rows: int
    state: CheckState
    low: float | None = None
    high: float | None = None
