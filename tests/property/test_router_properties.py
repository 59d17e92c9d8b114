"""Which version decides a unit: always the same one, in the share that the weight says, whatever runs where."""

import json
import math
import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.scoring import router

KEYS = st.lists(st.text(max_size=40), min_size=1, max_size=30)
SALT = st.text(max_size=20)
WEIGHT = st.floats(0.0, 1.0)


def chosen(salt: str, weight: float, keys: list[str]) -> dict[str, bool]:
    ids = [f"r/{at}" for at in range(len(keys))]
    return dict(zip(keys, router.to_canary(salt, weight, keys, ids).tolist(), strict=True))


@given(SALT, WEIGHT, KEYS, st.randoms(use_true_random=False))
def test_a_unit_goes_where_it_went_whatever_comes_beside_it(
    salt: str, weight: float, keys: list[str], mix: object
) -> None:
    keys = [key for key in dict.fromkeys(keys) if key]
    before = chosen(salt, weight, keys)
    mixed = list(keys)
    mix.shuffle(mixed)  # type: ignore[attr-defined]
    assert chosen(salt, weight, mixed) == before
    for key in keys:
        assert chosen(salt, weight, [key]) == {key: before[key]}


@given(SALT, WEIGHT, st.integers(1, 20))
def test_a_row_without_a_key_goes_by_its_id_and_so_does_its_retry(salt: str, weight: float, rows: int) -> None:
    ids = [f"req-1/{at}" for at in range(rows)]
    first = router.to_canary(salt, weight, [""] * rows, ids)
    assert (router.to_canary(salt, weight, [""] * rows, ids) == first).all()
    assert (router.to_canary(salt, weight, ids, ["other"] * rows) == first).all()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.001, 0.999), st.integers(0, 2**32 - 1))
def test_the_share_is_that_of_the_weight(weight: float, seed: int) -> None:
    """Of 20,000 units: within five standard deviations, which chance leaves once in two million."""
    count = 20_000
    keys = [f"unit-{seed}-{at}" for at in range(count)]
    share = router.to_canary(f"endpoint/{seed}", weight, keys, keys).mean()
    assert abs(share - weight) < 5 * math.sqrt(weight * (1 - weight) / count)


def test_fractions_are_even_and_another_canary_draws_anew() -> None:
    keys = [str(at) for at in range(20_000)]
    one = np.array([router.fraction("late/2", key) for key in keys])
    two = np.array([router.fraction("late/3", key) for key in keys])
    counts = np.histogram(one, bins=20, range=(0.0, 1.0))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 52  # chi-square with 19 degrees of freedom: once in 15,000
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.04
    assert ((one >= 0) & (one < 1)).all()


def test_other_processes_decide_the_same() -> None:
    """Nothing depends on the interpreter's own, random hashing."""
    keys = ["UA1545", "", "é", "日本", "x" * 512, "1"]
    code = (
        "import json; from podium.scoring import router; "
        f"print(json.dumps([router.fraction('late/2', key) for key in {keys!r}]))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "src"},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert json.loads(said.pop()) == [router.fraction("late/2", key) for key in keys]
