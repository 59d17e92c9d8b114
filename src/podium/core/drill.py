"""A fire drill: faults put into a copy of real traffic, to see which of them the monitor's rules find, and when."""

from typing import Annotated

import msgspec


class DrillRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much traffic to rehearse on, and how often; the same seed gives the same drill."""

    days: Annotated[int, msgspec.Meta(ge=4, le=366)] = 28
    """The last days whose outcomes are known."""
    repetitions: Annotated[int, msgspec.Meta(ge=2, le=200)] = 20
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] = 0


class Faulted(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules made of one fault."""

    fault: str
    what: str
    """What was done to the traffic, in words."""
    runs: int
    detected: int
    """Runs in which an alert opened within the faulty windows."""
    delay: float | None
    """The median number of windows until the alert, over the runs that had one; 1: the first faulty window."""
    by: tuple[str, ...]
    """The checks that were in the first alert, the most frequent first."""


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """The back-test of one check: how often it alerts while nothing is wrong, and how soon once something is."""

    measure: str
    column: str | None
    false_alarms: int
    """Quiet windows in which it began to alert."""
    false_alarms_per_month: float
    """Expected in 30 days."""
    fault: str = ""
    """What was put in to learn its delay, in words; empty: no fault of the drill is one for it."""
    runs: int = 0
    detected: int = 0
    """Runs in which it alerted within the faulty windows."""
    delay: float | None = None
    """The median number of windows until it did, over the runs in which it did; 1: the first faulty window."""


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill found. The reference is made of other days of the same traffic: what is found was put in."""

    id: str
    project: str
    endpoint: str
    version: int
    at_us: int
    from_us: int
    to_us: int
    days: int
    rows: int
    rows_a_window: int
    window: str
    seed: int
    quiet_windows: int
    """Windows without a fault that were judged."""
    false_alarms: int
    """Alerts that opened in them."""
    false_alarms_per_month: float
    """Expected in 30 days."""
    falsely_by: tuple[str, ...]
    """The checks in those alerts, the most frequent first."""
    faults: tuple[Faulted, ...]
    monitors: tuple[Monitor, ...] = ()
    """Each check by itself, in the order in which a window makes them; empty in drills of older versions."""


BUDGET = 1.0
"""False alarms a month that a model may cost its people."""
