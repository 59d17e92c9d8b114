"""The power goes while clients ask: of what was answered, `durable` loses nothing, `queued` the last second at most."""

import math
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

IN_A_ROW = 3
"""Power cuts on one log."""
NOTES = 60
"""A recovery makes about so many changes to a log."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return power.library(tmp_path_factory.mktemp("power"))


def recovered(log: Path, aside: Path) -> dict[str, float]:
    """What a scorer would find in a log, once; the log stays as it is."""
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(log, aside)
    stored = aftermath.segments(aside)
    logged = aftermath.scores(stored)
    assert len(logged) == len(aftermath.rows(stored)), "a row is there twice"
    return logged


def lost(
    tmp_path: Path, library: Path, trials: int, durability: Durability, *, lies: bool = False
) -> tuple[int, list[float]]:
    """After so many power cuts: how many predictions clients were given, and the age of each that was lost.

    Of three scorers the second and the third start on what the cuts before left. What was still there then must be
    there after each later cut, and also had the power gone while they recovered it: nothing of it has an age.
    """
    folder = tmp_path / "scorer"
    (named,) = kit.prepare(folder)
    for signed in kit.everywhere(1, kit.route("champion", 1, named), durability=durability):
        kit.put_rollout(folder, signed, signed.rollout().endpoint)
    log = folder / "log"
    log.mkdir()
    disk = power.Disk(library, log, tmp_path / "aside", lies=lies)
    nursery = kit.Nursery(folder, disk.environment, segment_seconds=0.25)
    chance = random.Random(7)
    given = 0
    ages: list[float] = []
    kept: dict[str, float] = {}
    try:
        for trial in range(trials):
            if trial % IN_A_ROW == 0:
                shutil.rmtree(log)
                log.mkdir()
                kept = {}
            disk.begin()
            pid, url = nursery.start()
            clients = load.Load(url, f"cut{trial}", threads=3, endpoints=kit.ENDPOINTS)
            time.sleep(0.25 + chance.random() * (0.5 if durability is Durability.DURABLE else 1.5))
            nursery.kill(pid)
            at = time.monotonic()
            clients.stop()
            shutil.rmtree(soon := tmp_path / "soon", ignore_errors=True)
            soon.mkdir()
            disk.cut_soon(chance, NOTES, soon)
            disk.cut(chance)
            logged = recovered(log, tmp_path / "found")
            for found in (recovered(soon, tmp_path / "found"), logged):
                ages += [math.inf for one, score in kept.items() if found.get(one) != score]
            kept = logged
            given += len(clients.scores())
            for identifier, each in clients.answered.items():
                rows = enumerate(each.scores)
                ages += [at - each.at for row, score in rows if logged.get(f"{identifier}/{row}") != score]
    finally:
        nursery.close()
    return given, ages


def following(trials: int) -> str:
    """In how many trials the scorer began with a log that had lost power."""
    return f"{trials - -(-trials // IN_A_ROW)} of {trials} starts were on what a cut had left"


@pytest.mark.parametrize("trials", forms("power-cut-durable"))
def test_durable_loses_nothing(trials: int, tmp_path: Path, library: Path, record: Record) -> None:
    given, ages = lost(tmp_path, library, trials, Durability.DURABLE)
    assert given > 20 * trials
    record(
        "power-cut-durable", trials, f"{len(ages)} of {given:,} acknowledged lost; {following(trials)}", held=not ages
    )


@pytest.mark.alone
@pytest.mark.parametrize("trials", forms("power-cut-queued"))
def test_queued_loses_the_last_second_at_most(trials: int, tmp_path: Path, library: Path, record: Record) -> None:
    others = load.Others()
    given, ages = lost(tmp_path, library, trials, Durability.QUEUED)
    assert given > 20 * trials
    oldest = max(ages, default=0.0)
    measured = (
        f"{len(ages):,} of {given:,} answered lost, the oldest {oldest:.2f} s before the cut; {following(trials)}"
    )
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
