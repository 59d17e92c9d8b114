"""A unit of background work."""

import enum
from typing import Any

import msgspec


class JobState(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job. `fence` grows with each lease: a worker that lost its lease cannot finish the job any more."""

    id: str
    project: str
    kind: str
    args: dict[str, Any]
    state: JobState
    priority: int
    attempt: int
    max_attempts: int
    fence: int
    created_us: int
    due_us: int
    started_us: int | None = None
    finished_us: int | None = None
    worker: str | None = None
    progress: float = 0.0
    message: str = ""
    result: dict[str, Any] | None = None
    error: str | None = None
    cancel_requested: bool = False
    unique_key: str | None = None
    trace: dict[str, str] | None = None
    """The headers of the trace (W3C) in which it was asked for."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A cron line that makes a job each time it is due."""

    id: str
    project: str
    name: str
    cron: str
    kind: str
    args: dict[str, Any]
    enabled: bool
    next_us: int
    last_us: int | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far along, from 0 to 1, and what is being done."""

    fraction: float
    message: str = ""
