"""One bit changes on the disk: it is seen, and it costs no more than what it is in."""

import random
import shutil
import time
from pathlib import Path

import pytest

from podium.core import bundle
from podium.core.errors import PodiumError
from podium.scoring import cache, metrics, proof
from podium.scoring.board import Board
from podium.scoring.log import batches, segment
from podium.store import clock as clocks
from tests import scoring_kit as kit
from tests.faults import aftermath, load
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms


def flip(path: Path, chance: random.Random, within: int | None = None) -> int:
    """Change one bit of a file, or of so many of its first bytes; which byte."""
    data = bytearray(path.read_bytes())
    bit = chance.randrange(8 * (within or len(data)))
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    return bit // 8


def written(tmp_path: Path) -> tuple[Path, Path]:
    """Two logs of a real scorer: one sealed, one left open by a kill; of several segments each."""
    made = []
    for killed in (False, True):
        folder = tmp_path / ("open" if killed else "sealed")
        kit.prepare(folder)
        for number in range(2):
            with kit.Process(folder, segment_seconds=3600.0) as process:
                clients = load.Load(process.url, f"flip{number}", threads=1, pause=0.01)
                time.sleep(0.6)
                clients.stop()
                if killed:
                    process.kill()
                else:
                    process.drain()
                    process.stop()
        made.append(folder / "log")
    return made[0], made[1]


class Pristine:
    """A log as it was written: its files, and the rows of each batch."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.files = sorted(path for path in log.iterdir() if path.name != "name")
        self.rows: dict[str, dict[str, float]] = {}
        self.batches: dict[str, list[tuple[int, int]]] = {}
        for path in self.files:
            if path.suffix in (segment.OPEN, segment.SEALED):
                data = path.read_bytes()
                found = batches.find(data)
                assert not any(data[found.end :])  # room ahead, where the process was killed
                self.batches[path.name] = list(found.spans)
                self.rows[path.name] = {row["prediction_id"]: row["score"] for row in aftermath.read(data)}

    def without(self, name: str, at: int) -> dict[str, float]:
        """All rows but those of the batch of a segment in which a byte is: none is in its head, nor behind the last."""
        kept: dict[str, float] = {}
        for other, rows in self.rows.items():
            if other != name:
                kept |= rows
        data = (self.log / name).read_bytes()
        head = self.batches[name][0][0]
        spans = [span for span in self.batches[name] if not span[0] <= at < span[1]]
        if spans:
            whole = data[:head] + b"".join(data[start:end] for start, end in spans)
            kept |= {row["prediction_id"]: row["score"] for row in aftermath.read(whole)}
        return kept

    def everything(self) -> dict[str, float]:
        return {one: score for rows in self.rows.values() for one, score in rows.items()}


@pytest.mark.parametrize("trials", forms("flips-log"))
def test_a_flip_in_the_log(trials: int, tmp_path: Path, record: Record) -> None:
    """Every file of two logs takes its turn: segments that are open or sealed, and the files with their digests."""
    chance = random.Random(11)
    logs = [Pristine(log) for log in written(tmp_path)]
    seen = readable = heads = 0
    for trial in range(trials):
        pristine = logs[trial % 2]
        work = tmp_path / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(pristine.log, work)
        name = chance.choice(pristine.files).name
        head = pristine.batches[name][0][0] if name in pristine.batches else None
        at = flip(work / name, chance, head if trial % 4 > 1 else None)
        heads += head is not None and at < head
        expected = pristine.without(name, at) if name in pristine.rows else pristine.everything()
        logged = aftermath.scores(aftermath.segments(work))
        seen += len(list(work.glob(f"*{segment.ASIDE}"))) == 1
        readable += logged == expected
    assert len(logs[0].everything()) > 30
    assert heads > trials / 4
    measured = (
        f"{seen} of {trials} detected, the harmed file kept aside; {readable} of {trials} with all else unchanged, "
        f"{heads} of which were flips in a segment's head and cost no batch"
    )
    record("flips-log", trials, measured, held=seen == readable == trials)


def board(folder: Path) -> Board:
    """A scorer's board that trusts the kit's key."""
    made = Board(kit.PROJECT, "", clocks.system(), metrics.Metrics())
    made.keys = dict(kit.PUBLIC)
    made.limits = proof.Limits(proven=folder / "proven")
    return made


@pytest.mark.parametrize("trials", forms("flips-bundles"))
def test_a_flip_in_a_bundle(trials: int, tmp_path: Path, record: Record) -> None:
    """Refused by the board that serves another version; a scorer with its control plane fetches the bundle again."""
    first, second = kit.prepare(tmp_path, -1.0, -2.0)
    kept = cache.Cache(tmp_path)
    serving = board(tmp_path)
    serving.adopt(kit.ENDPOINT, kit.sign(kit.document(1, kit.route("champion", 1, first))), kept.bundle)
    chance = random.Random(12)
    files = sorted(path for path in kept.bundle(second).rglob("*") if path.is_file())
    seen = 0
    for trial in range(trials):
        path = chance.choice(files)
        whole = path.read_bytes()
        flip(path, chance)
        with pytest.raises(PodiumError):
            serving.adopt(
                kit.ENDPOINT, kit.sign(kit.document(trial + 2, kit.route("champion", 2, second))), kept.bundle
            )
        seen += serving.numbers() == {kit.ENDPOINT: 1} and kit.ENDPOINT in serving.refused
        path.write_bytes(whole)
    (tmp_path / "rollouts" / f"{kit.ENDPOINT}.json").unlink()
    starts = min(20, -(-trials // 12))
    again = fetched_again(tmp_path, second, starts, chance)
    measured = f"{seen} of {trials} detected, none served; fetched again in {again} of {starts} starts"
    record("flips-bundles", trials, measured, held=seen == trials and again == starts)


def fetched_again(folder: Path, named: str, starts: int, chance: random.Random) -> int:
    """In how many starts a scorer asks for a bundle that was harmed, keeps it whole again and scores rightly."""
    plane = kit.ControlPlane()
    asked: list[str] = []

    def listen(method: str, path: list[str]) -> None:
        if method == "GET" and path[2:4] == ["bundles", named]:
            asked.append("/".join(path[5:]))

    plane.instead = listen
    plane.publish(kit.sign(kit.document(1, kit.route("champion", 2, named))), -2.0)
    whole = {path: path.read_bytes() for path in cache.Cache(folder).bundle(named).rglob("*") if path.is_file()}
    expected = started(folder, plane)
    assert expected[0] == [2, 2, 2]
    assert asked == [], "a bundle that is whole is not fetched"
    again = 0
    for _ in range(starts):
        flip(chance.choice(sorted(whole)), chance)
        answered = started(folder, plane)
        same = all(path.read_bytes() == data for path, data in whole.items())
        again += same and bundle.MODEL in asked and answered == expected
        asked.clear()
    plane.close()
    return again


def started(folder: Path, plane: kit.ControlPlane) -> list[list[float]]:
    """Versions and scores that a new scorer answers with."""
    with kit.Process(folder, url=plane.url) as process:
        load.ready(process.url)
        answer = process.infer(kit.tensors()).json()
    return [kit.output(answer, "version"), kit.output(answer, "score")]


@pytest.mark.parametrize("trials", forms("flips-rollouts"))
def test_a_flip_in_a_rollout_document(trials: int, tmp_path: Path, record: Record) -> None:
    """As a scorer keeps it: refused at each start; with the control plane away the endpoint then answers 503."""
    kit.prepare(tmp_path)
    path = tmp_path / "rollouts" / f"{kit.ENDPOINT}.json"
    whole = path.read_bytes()
    kept = cache.Cache(tmp_path)
    chance = random.Random(13)
    seen = 0
    for _ in range(trials):
        flip(path, chance)
        starting = board(tmp_path)
        try:
            starting.adopt(kit.ENDPOINT, cache.read_signed(path), kept.bundle)
        except PodiumError:
            seen += 1
        path.write_bytes(whole)
    assert board(tmp_path).adopt(kit.ENDPOINT, cache.read_signed(path), kept.bundle)
    flip(path, chance)
    with kit.Process(tmp_path) as process:
        assert process.infer(kit.tensors()).status_code == 503
    record("flips-rollouts", trials, f"{seen} of {trials} detected, none served", held=seen == trials)
