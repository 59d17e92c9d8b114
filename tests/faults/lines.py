"""The faults, what must hold under each, and how many trials: short in `make test`, full in `make faults`."""

from typing import Any

import msgspec
import pytest


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table in docs/reference/faults.md."""

    fault: str
    must: str
    short: int
    full: int
    unit: str = "trials"
    seconds: int = 1200
    """How long the full form may take."""


class Trials(int):
    """How many, and of which line."""

    line: str = ""


DISKS = {"mounted": "on a small disk, mounted", "preloaded": "on a disk that a preloaded library answers for"}
LINES: dict[str, Line] = {
    "killed": Line(
        fault="kill -9 under load",
        must="no acknowledged prediction lost, none doubled after compaction; ready again in 5 s",
        short=6,
        full=200,
        seconds=3600,
    ),
    "power-cut-durable": Line(
        fault="power cut: unsynced writes vanish or tear (`durable`)",
        must="no acknowledged prediction lost",
        short=4,
        full=100,
    ),
    "power-cut-queued": Line(
        fault="power cut: unsynced writes vanish or tear (`queued`)",
        must="only what is younger than 1 s is lost",
        short=3,
        full=100,
    ),
    "flips-log": Line(
        fault="bit flips in log segments, open and sealed",
        must="all detected; every other batch readable, unchanged",
        short=60,
        full=500,
    ),
    "flips-bundles": Line(
        fault="bit flips in bundles", must="all detected; none serves; fetched again", short=40, full=250
    ),
    "flips-rollouts": Line(fault="bit flips in kept rollout documents", must="all detected", short=60, full=250),
    "control-plane-down": Line(
        fault="control plane down for 5 min, with a start of the scorer from its cache",
        must="no failed score; the log back-filled exactly",
        short=1,
        full=5,
        seconds=3600,
    ),
    "swaps": Line(
        fault="version swapped and rolled back under load",
        must="no answer but 200; each names the version that made it",
        short=12,
        full=200,
    ),
    "bad-versions": Line(
        fault="bad new version",
        must="the old one serves on, no failure; the release has failed, with the reason",
        short=4,
        full=32,
        unit="kinds",
        seconds=2400,
    ),
    "disk-full": Line(
        fault="disk full",
        must="`durable`: 503 with Retry-After; `queued`: 200 and an exact count of drops; resumes by itself",
        short=2,
        full=20,
    ),
    "read-only": Line(fault="disk read-only", must="the same", short=1, full=20),
    "overload": Line(
        fault="overload: five times what it can take",
        must="accepted p99 at most twice the normal; the rest a fast 429; normal again in 10 s",
        short=8,
        full=120,
        unit="seconds",
    ),
    "rolling-restart": Line(
        fault="SIGTERM: rolling restart of two scorers on one port, under load",
        must="no failed request, over HTTP or gRPC",
        short=3,
        full=50,
    ),
    "bad-bodies": Line(
        fault="bad bodies",
        must="the right 4xx with field and fix, never 5xx nor the input again; memory grows by 50 MB at most",
        short=2,
        full=50,
        unit="rounds",
    ),
}


def trials(name: str) -> list[Any]:
    """What a test of that line is parametrized with: the short form, and the full one, which is slow."""
    line = LINES[name]
    slow = [pytest.mark.slow, pytest.mark.timeout(line.seconds)]
    short, full = Trials(line.short), Trials(line.full)
    short.line = full.line = name
    return [pytest.param(short, id="short"), pytest.param(full, id="full", marks=slow)]
