"""A bad new version, of every kind: the old one serves on, and the release has failed with the reason."""

import time
from pathlib import Path

import pytest

from podium.core.release import Stage
from tests import artifacts
from tests import scoring_kit as kit
from tests.faults import bad_versions, load, platform
from tests.faults.conftest import Record
from tests.faults.lines import trials as forms


def fault(plane: platform.Platform, proxy: platform.Proxy, scorer: kit.Process, kind: bad_versions.Kind) -> str | None:
    """Release a bad version; what did not hold, if anything."""
    proxy.tamper = None if kind.tamper is None else kind.tamper(plane.store)
    made = plane.register(kind.files(), **kind.changes)
    end = time.monotonic() + 90
    while (item := plane.newest()).stage is not Stage.FAILED:
        if item.version != made.number or item.stage is not Stage.SHADOW or time.monotonic() > end:
            return f"{kind.name}: the release of version {item.version} is at {item.stage}; {scorer.status()}"
        time.sleep(0.05)
        plane.work()
    proxy.tamper = None
    if kind.why not in item.note or not item.note.startswith("No scorer takes rollout"):
        return f"{kind.name}: {item.note}"
    while scorer.status() != {"rollouts": {"delay": number(plane)}, "refused": {}}:
        if time.monotonic() > end:
            return f"{kind.name}: the rollout before is not restored: {scorer.status()}"
        time.sleep(0.02)
    return None


def number(plane: platform.Platform) -> int:
    """The rollout in force."""
    return plane.place().rollout


@pytest.mark.parametrize("kinds", forms("bad-versions"))
def test_a_bad_version(kinds: int, tmp_path: Path, record: Record) -> None:
    plane = platform.Platform(tmp_path)
    proxy = platform.Proxy(plane.url)
    plane.register(artifacts.files(-1.0))
    assert plane.newest().stage is Stage.CHAMPION
    settings = {
        "url": proxy.url,
        "token": plane.token,
        "environment": "production",
        "bundle_limit": bad_versions.LARGEST,
        "row_seconds": bad_versions.SLOWEST_ROW,
        "load_seconds": bad_versions.LONGEST_LOAD,
    }
    wrong = []
    with kit.Process(tmp_path / "scorer", None, **settings) as scorer:
        load.ready(scorer.url)
        clients = load.Load(scorer.url, "bad", threads=1, pause=0.02)
        for kind in bad_versions.KINDS[:kinds]:
            found = fault(plane, proxy, scorer, kind)
            wrong += [found] if found else []
        clients.stop()
        scorer.stop()
    proxy.close()
    plane.close()
    others = [each for each in clients.answered.values() if set(each.versions) != {1}]
    assert len(clients.answered) > 10 * kinds
    measured = (
        f"{kinds - len(wrong)} of {kinds} releases failed with the reason; {len(clients.failed)} of "
        f"{len(clients.answered):,} requests failed, {len(others)} answered by the bad version"
    )
    held = not wrong and not clients.failed and not others
    record("bad-versions", kinds, "; ".join([measured, *wrong]), held=held)
