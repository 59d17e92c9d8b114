"""A scorer tells the control plane how long champion and challenger take for a row where it serves."""

import time
from pathlib import Path
from typing import Any

from podium.core import endpoint
from tests import scoring_kit as kit

_PATIENCE_S = 120.0


def wait_for(plane: kit.ControlPlane, rows: int) -> dict[str, Any]:
    """The first report with times of so many rows."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        for each in list(plane.reports):
            if len(each.get("pace", {}).get(kit.ENDPOINT, {}).get("microseconds", ())) >= rows:
                return each
        time.sleep(0.1)
    raise AssertionError(f"no such report among {len(plane.reports)}")


def test_times_of_champion_and_challenger_are_reported(tmp_path: Path) -> None:
    plane = kit.ControlPlane()
    try:
        digests = [kit.bundle_digest(bias) for bias in (-1.0, -0.5)]
        routes = (kit.route("champion", 1, digests[0]), kit.route("shadow", 2, digests[1], 0.0))
        plane.publish(kit.sign(kit.document(2, *routes)), -1.0, -0.5)
        with kit.Process(tmp_path, url=plane.url, poll_seconds=0.2) as scorer:
            report = wait_for(plane, rows=20)
            assert scorer.infer(kit.tensors()).status_code == 200
    finally:
        plane.close()
    item = endpoint.Scorer(name="s", at_us=1, status=report)
    told = item.took_by(kit.ENDPOINT, digests[1])
    assert len(told) >= 20
    assert all(0.0 < one < 1_000.0 and 0.0 < two < 1_000.0 for one, two in told)
    assert item.took_by(kit.ENDPOINT, digests[0]) == (), "of another challenger nothing is known"


def test_without_a_challenger_nothing_is_timed(tmp_path: Path) -> None:
    plane = kit.ControlPlane()
    try:
        plane.publish(kit.sign(kit.document(1, kit.route("champion", 1, kit.bundle_digest()))), -1.0)
        with kit.Process(tmp_path, url=plane.url, poll_seconds=0.2):
            until = time.monotonic() + _PATIENCE_S
            while time.monotonic() < until and not any(each["rollouts"] for each in plane.reports):
                time.sleep(0.1)
    finally:
        plane.close()
    assert plane.reports
    assert all(each["pace"] == {} for each in plane.reports)
