"""Sums over what was known by an instant, against counting by hand."""

import numpy
from hypothesis import given
from hypothesis import strategies as st

from podium.cli.demo.flights import history

OUTCOMES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(100, 130), st.none() | st.integers(-5, 5)), min_size=1, max_size=40
)


@given(OUTCOMES, st.integers(0, 2), st.integers(95, 140), st.integers(1, 30))
def test_recent_and_latest_count_only_what_was_known(
    outcomes: list[tuple[int, int, int | None]], group: int, at: int, span: int
) -> None:
    groups = numpy.array([one[0] for one in outcomes], dtype=numpy.int64)
    known = numpy.array([one[1] for one in outcomes], dtype=numpy.int64)
    values = numpy.array([numpy.nan if one[2] is None else one[2] for one in outcomes], dtype=numpy.float64)
    asked = (numpy.array([group]), numpy.array([at]))
    total, count = history.recent(groups, known, values, asked, span)
    mine = [one for one in outcomes if one[0] == group and at - span <= one[1] < at]
    numbers = [value for _, _, value in mine if value is not None]
    assert (total[0], count[0]) == (sum(numbers), len(numbers))
    found = history.latest(groups, known, asked, span)[0]
    if mine:
        newest = max(one[1] for one in mine)
        assert found == max(i for i, one in enumerate(outcomes) if one[:2] == (group, newest))
    else:
        assert found == -1
