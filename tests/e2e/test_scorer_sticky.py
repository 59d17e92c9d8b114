"""A canary's units stay where they are: on every scorer, after a restart, in any request, when its share grows."""

from pathlib import Path
from typing import Any

from podium.scoring import router
from tests import scoring_kit as kit

KEYS = [f"UA{number}" for number in range(300)]


def put(folder: Path, digests: list[str], number: int, weight: float) -> None:
    routes = (kit.route("champion", 1, digests[0], 1 - weight), kit.route("canary", 2, digests[1], weight))
    kit.put_rollout(folder, kit.sign(kit.document(number, *routes, salt="delay/2")))


def versions(scorer: kit.Process, keys: list[str], **more: str) -> dict[str, int]:
    rows: dict[str, list[Any]] = {"distance": [100.0] * len(keys), "hour": [1] * len(keys), "flight": keys}
    return dict(zip(keys, kit.output(scorer.infer(kit.tensors(rows, **more)).json(), "version"), strict=True))


def test_units_stay_put(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        put(folder, kit.prepare(folder, -1.0, -0.5), 2, 0.25)
    with kit.Process(one) as scorer, kit.Process(two) as other:
        first = versions(scorer, KEYS)
        assert first == {key: 2 if router.fraction("delay/2", key) < 0.25 else 1 for key in KEYS}
        assert versions(other, KEYS) == first
        backwards = versions(scorer, KEYS[::-1])
        assert backwards == first
        assert {key: versions(scorer, [key])[key] for key in KEYS[:20]} == {key: first[key] for key in KEYS[:20]}
        named = dict(enumerate(kit.output(scorer.infer(kit.tensors(id="again")).json(), "version")))
        assert dict(enumerate(kit.output(other.infer(kit.tensors(id="again")).json(), "version"))) == named
    put(one, kit.prepare(one, -1.0, -0.5), 3, 0.5)
    with kit.Process(one) as scorer:
        grown = versions(scorer, KEYS)
    assert all(grown[key] == 2 for key, version in first.items() if version == 2)
    assert sum(version == 2 for version in grown.values()) > sum(version == 2 for version in first.values())
