"""Attempts at jobs as spans, where who asked for them follows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from podium.core.job import Job
from podium.core.trace import Export, Kind, Trace
from podium.jobs.attempt import Ending

_NO_FAULT = frozenset({Ending.DONE, Ending.CANCELLED, Ending.RELEASED})


class Span:
    """An attempt under way. `ending`: how it ended; lost, unless somebody says otherwise."""

    def __init__(self) -> None:
        self.ending = Ending.LOST


@contextmanager
def of(job: Job, span: Trace | None, export: Export | None) -> Iterator[Span]:
    """The span of an attempt: told to `export` at the end of the block; a job that nobody follows has none."""
    found, started = Span(), time.perf_counter()
    try:
        yield found
    finally:
        if span is not None and export is not None:
            export.tell(
                span,
                job.kind,
                time.perf_counter() - started,
                {
                    "podium.project": job.project,
                    "podium.job.id": job.id,
                    "podium.job.attempt": job.attempt,
                    "podium.job.ending": found.ending.value,
                },
                failed=found.ending not in _NO_FAULT,
                kind=Kind.CONSUMER,
            )
