"""Sets the demo's stage: a platform that runs, the flights that will happen, the project that learns from them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from podium.cli import processes, submit
from podium.cli.demo import cast, story
from podium.cli.demo.flights import prepare
from podium.cli.demo.flights.timetable import Timetable
from podium.cli.demo.memory import MemoryWatch
from podium.cli.demo.platform import Platform
from podium.cli.demo.traffic import Traffic


class Stage:
    """The platform, the traffic and the project of one demo."""

    def __init__(self, platform: Platform, traffic: Traffic, first: submit.Project, memory: MemoryWatch) -> None:
        self.platform = platform
        self.traffic = traffic
        self.project = first
        self.memory = memory


@contextmanager
def running(folder: Path, *, database: str, blobs: str, say: Callable[[str], None]) -> Iterator[Stage]:
    """Start everything; stop it at the end, whatever happens."""
    processes.give_back_memory()
    pa.set_memory_pool(pa.system_memory_pool())
    memory = MemoryWatch()
    memory.start()
    platform = Platform(folder, story.PROJECT, database=database, blobs=blobs, say=say)
    try:
        platform.start(story.BEGIN)
        flights = prepare.prepare(platform.folder, story.BEGIN)
        first = submit.read(platform.folder / prepare.PROJECT)
        traffic = Traffic(
            Timetable(flights, first.spec),
            first.spec,
            scorer_url=platform.scorer_url,
            endpoint=story.ENDPOINT,
            desk=platform.client(cast.DESK),
        )
        try:
            yield Stage(platform, traffic, first, memory)
        finally:
            traffic.close()
    finally:
        platform.stop()
        memory.stop()
