"""Rules judge ten bins as they did before there were finer ones: to the bit, whatever the values."""

import math
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from podium.core import project, reference
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import inputs
from podium.monitor.checks.against import Against
from podium.monitor.checks.summary import Summary

NUMBER = st.one_of(st.just(math.nan), st.integers(-5, 5).map(float), st.floats(-1e12, 1e12), st.floats(0.0, 1e-3))
VALUES = st.one_of(
    st.lists(NUMBER, min_size=1, max_size=80),
    st.tuples(st.integers(0, 10_000), st.integers(300, 2_000), st.sampled_from(["normal", "lognormal"])).map(
        lambda given: list(getattr(np.random.default_rng(given[0]), given[2])(size=given[1]))
    ),
)
LIMITS = project.MonitorPart(min_rows=5, out_of_range=0.01)


def findings(before: reference.NumericReference, now: Any) -> list[Any]:
    known = reference.Reference(
        rows=100,
        numeric={"x": before},
        categorical={},
        score=before,
        metrics={},
        cost_per_row=None,
        window_rows=50.0,
    )
    seen = histogram.numeric(now, before)
    labels = score_labels.ScoreLabels(rows=0, sums={})
    summary = Summary(rows=len(now), numeric={"x": seen}, categorical={}, score=seen, labels=labels, as_of_us=0)
    return [
        msgspec.structs.replace(each, said="") for each in inputs.of_columns(summary, known, LIMITS, Against(known))
    ]


@given(VALUES, VALUES)
def test_every_rule_finds_what_it_found_on_ten_bins(before: list[float], now: list[float]) -> None:
    old = np.array(before)
    fine, ten = references.detailed(old), references.numeric(old)
    assert msgspec.structs.replace(fine, fine=None) == ten
    assert findings(fine, np.array(now)) == findings(ten, np.array(now))


@given(VALUES, VALUES)
def test_fine_bins_add_up_to_ten(before: list[float], now: list[float]) -> None:
    old, new = np.array(before), np.array(now)
    fine, ten = references.detailed(old), references.numeric(old)
    pooled, once = histogram.coarse(histogram.numeric(new, fine), fine), histogram.numeric(new, ten)
    names = ("counts", "nulls", "minimum", "maximum", "below", "above", "infinite")
    assert [getattr(pooled, name) for name in names] == [getattr(once, name) for name in names]
    assert len(pooled.sums) == len(once.sums)
    assert np.allclose(pooled.sums, once.sums, rtol=1e-9, atol=1e-3)
    if fine.fine is not None:
        assert set(ten.edges) <= set(fine.fine.edges)
        assert sum(fine.fine.counts) == sum(ten.counts)
