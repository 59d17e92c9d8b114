"""Checks of the feed as a whole: whether rows still come, and each of them once."""

from collections.abc import Iterator

import pyarrow
import pyarrow.compute

from podium.core import project, time, window
from podium.core.check import CheckKind
from podium.measures.quality import duplicates, freshness
from podium.monitor.checks import finding
from podium.monitor.checks.finding import Finding

AGE, AGAIN = "age_hours", "duplicates"
_HOUR_US = 3_600_000_000


def oldest_us(limits: project.MonitorPart) -> float:
    """How old the newest row may be at a window's end; 0: that is not looked at."""
    return time.parse_duration(limits.max_age, "monitor.max_age").total_seconds() * 1e6


def of_rows(scored: pyarrow.Table, span: window.Window, limits: project.MonitorPart) -> Iterator[Finding]:
    """The age of the newest row at the window's end in hours, and the share of rows whose key came in it before.

    `scored`: the version's rows of the window (`at`, `key`). Without a row its age is that of the window at least: a
    feed that stopped is told, while other checks have not enough data. Nothing here is left to chance.
    """
    allowed = oldest_us(limits)
    if allowed > 0:
        yield _age(scored, span, allowed)
    if limits.duplicates > 0:
        yield _again(scored, limits)


def _age(scored: pyarrow.Table, span: window.Window, allowed: float) -> Finding:
    newest = pyarrow.compute.max(scored.column("at").cast(pyarrow.int64())).as_py()
    age_us = freshness.freshness(span.start_us if newest is None else newest, span.end_us) or 0
    return Finding(
        kind=CheckKind.QUALITY,
        measure=AGE,
        column=None,
        value=age_us / _HOUR_US,
        reference=0.0,
        limit=allowed / _HOUR_US,
        rows=scored.num_rows,
        over=age_us > allowed if newest is not None else age_us >= allowed,
        said="" if newest is not None else "no row came in this window",
    )


def _again(scored: pyarrow.Table, limits: project.MonitorPart) -> Finding:
    keys = scored.column("key").drop_null()
    enough = scored.num_rows >= limits.min_rows and len(keys) > 0
    different = pyarrow.compute.count_distinct(keys).as_py()
    share = duplicates.duplicates(len(keys), different) if enough else None
    return finding.judged(
        CheckKind.QUALITY,
        AGAIN,
        None,
        value=share,
        limit=limits.duplicates,
        rows=len(keys),
        said="" if share is None else f"{len(keys) - different:,} rows whose key came before",
    )
