"""What holds of every split, whatever the keys and fractions."""

from typing import Any

import numpy
from hypothesis import given
from hypothesis import strategies as st

from podium.core import project, split
from podium.core.dataset import Part

KEYS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])), st.integers(), st.floats(), st.booleans(), st.none(),
    st.dates(), st.datetimes(), st.binary(),
)  # fmt: skip
SHARES = st.floats(0.01, 0.45)


@given(st.lists(KEYS), SHARES, SHARES, st.randoms(use_true_random=False))
def test_a_row_keeps_its_part_whatever_stands_beside_it(keys: list[Any], v: float, t: float, random: Any) -> None:
    part = project.SplitPart(validation=v, test=t)
    alone = [split.PARTS.index(split.part_of(key, part)) for key in keys]
    assert split.assign(keys, part).tolist() == alone
    order = list(range(len(keys)))
    random.shuffle(order)
    assert split.assign([keys[i] for i in order], part).tolist() == [alone[i] for i in order]


@given(KEYS, SHARES, SHARES, st.floats(0.0, 0.4))
def test_a_larger_test_only_takes_rows_in(key: Any, v: float, t: float, more: float) -> None:
    before = split.part_of(key, project.SplitPart(validation=v, test=t))
    after = split.part_of(key, project.SplitPart(validation=v, test=t + more))
    if before is Part.TEST:
        assert after is Part.TEST
    if after is Part.TRAIN:
        assert before is Part.TRAIN


@given(st.lists(st.integers(-50, 50), min_size=1), SHARES, SHARES)
def test_by_time_parts_follow_each_other_and_ties_stay_together(times: list[int], v: float, t: float) -> None:
    codes = split.assign(times, project.SplitPart(by="time", validation=v, test=t))
    ordered = codes[numpy.argsort(times, kind="stable")]
    assert (numpy.diff(ordered) >= 0).all()
    assert {len({int(codes[i]) for i, each in enumerate(times) if each == at}) for at in set(times)} == {1}
    assert (codes == 2).any()
