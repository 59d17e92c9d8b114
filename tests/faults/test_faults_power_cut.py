"""The power goes while clients ask: of what was answered, `durable` loses nothing, `queued` the last second at most."""

import random
import shutil
import time
from pathlib import Path

import pytest

from podium.core.rollout import Durability
from tests import scoring_kit as kit
from tests.faults import aftermath, load, power
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return power.library(tmp_path_factory.mktemp("power"))


def lost(
    tmp_path: Path, library: Path, trials: int, durability: Durability, *, lies: bool = False
) -> tuple[int, list[float]]:
    """After so many power cuts: how many predictions clients were given, and the age of each that was lost."""
    folder = tmp_path / "scorer"
    (named,) = kit.prepare(folder)
    kit.put_rollout(folder, kit.sign(kit.document(1, kit.route("champion", 1, named), durability=durability)))
    log = folder / "log"
    log.mkdir()
    disk = power.Disk(library, log, tmp_path / "aside", lies=lies)
    nursery = kit.Nursery(folder, disk.environment, segment_seconds=0.25)
    chance = random.Random(7)
    given = 0
    ages: list[float] = []
    try:
        for trial in range(trials):
            shutil.rmtree(log)
            log.mkdir()
            disk.begin()
            pid, url = nursery.start()
            clients = load.Load(url, f"cut{trial}", threads=3)
            time.sleep(0.25 + chance.random() * (0.5 if durability is Durability.DURABLE else 1.5))
            nursery.kill(pid)
            at = time.monotonic()
            clients.stop()
            disk.cut(chance)
            logged = aftermath.scores(aftermath.segments(log))
            given += len(clients.scores())
            for identifier, each in clients.answered.items():
                rows = enumerate(each.scores)
                ages += [at - each.at for row, score in rows if logged.get(f"{identifier}/{row}") != score]
    finally:
        nursery.close()
    return given, ages


@pytest.mark.parametrize("trials", forms("power-cut-durable"))
def test_durable_loses_nothing(trials: int, tmp_path: Path, library: Path, record: Record) -> None:
    given, ages = lost(tmp_path, library, trials, Durability.DURABLE)
    assert given > 20 * trials
    record("power-cut-durable", trials, f"{len(ages)} of {given:,} acknowledged lost", held=not ages)


@pytest.mark.alone
@pytest.mark.parametrize("trials", forms("power-cut-queued"))
def test_queued_loses_the_last_second_at_most(trials: int, tmp_path: Path, library: Path, record: Record) -> None:
    others = load.Others()
    given, ages = lost(tmp_path, library, trials, Durability.QUEUED)
    assert given > 20 * trials
    oldest = max(ages, default=0.0)
    measured = f"{len(ages):,} of {given:,} answered lost, the oldest {oldest:.2f} s before the cut"
    load.judge(
        lambda told: record("power-cut-queued", trials, measured + told, held=oldest <= 1.0),
        others.processors() - 1,  # the scorers', which are gone
        held=oldest <= 1.0,
    )


def test_the_cut_bites_where_the_disk_lies(tmp_path: Path, library: Path) -> None:
    """A disk that says that it synced and did not loses what was acknowledged: so does a log that does not sync."""
    given, ages = lost(tmp_path, library, 4, Durability.DURABLE, lies=True)
    assert given > 50
    assert len(ages) > 10
