"""Summaries of any parts of some rows, packed and merged, are the summary of all rows."""

import itertools
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.core import project, reference
from podium.core.errors import Invalid
from podium.core.signature import Task
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import flat, parts, samples, told
from podium.monitor.checks.summary import Summary

_TRAINED = np.random.default_rng(5).normal(size=500)
_WORDS = np.array(["a", "b", "c", None] * 20, dtype=object)
BEFORE = reference.Reference(
    rows=500,
    numeric={
        "plain": references.numeric(_TRAINED),
        "constant": references.numeric(np.full(50, 7.0)),
        "empty": references.numeric(np.full(50, np.nan)),
    },
    categorical={"word": references.categorical(_WORDS)},
    score=references.numeric(np.linspace(0, 1, 500)),
    metrics={},
    cost_per_row=None,
)
COSTS = project.CostsPart(false_positive=1.0, false_negative=4.0)

NUMBER = st.one_of(st.just(math.nan), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6))
WORD = st.one_of(st.none(), st.sampled_from("abcxyz"))
ROW = st.tuples(NUMBER, NUMBER, NUMBER, WORD, st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0, None]), st.booleans())


def summary(rows: list[Any]) -> Summary:
    """The summary of rows in one pass."""
    numbers = [np.array([row[place] for row in rows], dtype=np.float64) for place in range(3)]
    words = np.array([*(row[3] for row in rows), None], dtype=object)[:-1]
    known = [row for row in rows if row[5] is not None]
    return Summary(
        rows=len(rows),
        numeric={
            name: histogram.numeric(values, each)
            for (name, each), values in zip(BEFORE.numeric.items(), numbers, strict=True)
        },
        categorical={"word": histogram.categorical(words, BEFORE.categorical["word"])},
        score=histogram.numeric(np.array([row[4] for row in rows], dtype=np.float64), BEFORE.score),
        labels=score_labels.summarise(
            np.array([row[5] for row in known], dtype=np.float64),
            np.array([row[4] for row in known], dtype=np.float64),
            Task.BINARY,
            np.array([row[6] for row in known], dtype=np.bool_),
            COSTS,
        ),
        as_of_us=1,
    )


def close(one: Any, two: Any) -> bool:
    """The same: whole numbers, words and extremes exactly, sums of numbers but for the order of adding."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(close(each, two[name]) for name, each in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(close(*pair) for pair in zip(one, two, strict=True))
    if isinstance(one, float) and isinstance(two, float):
        return math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-6)
    return bool(one == two)


@given(st.lists(ROW, max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_parts_of_any_split_merge_to_one_pass(rows: list[Any], cuts: list[int]) -> None:
    ends = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    pieces = [rows[a:b] for a, b in itertools.pairwise(ends)] or [[]]
    packed = [parts.decode(parts.encode(parts.pack(summary(each), BEFORE))) for each in pieces]
    whole = parts.unpack(parts.merge(packed), BEFORE)
    once = summary(rows)
    if not once.labels.rows:  # losses of no rows are sums of nothing
        whole, once = (
            msgspec.structs.replace(each, labels=score_labels.ScoreLabels(rows=each.labels.rows, sums={}))
            for each in (whole, once)
        )
    assert close(msgspec.to_builtins(whole), msgspec.to_builtins(once))
    for name, sketch in whole.numeric.items():
        assert sketch.counts == once.numeric[name].counts


@given(st.lists(ROW, min_size=1, max_size=40))
def test_a_part_says_what_its_summary_says(rows: list[Any]) -> None:
    once = summary(rows)
    part = parts.pack(once, BEFORE)
    assert parts.unpack(part, BEFORE) == once
    means = told.means(part)
    assert means.pop(parts.SCORE) == once.score.mean
    assert means == {name: each.mean for name, each in once.numeric.items() if each.mean is not None}
    assert told.missing(part).get("word", 0) == once.categorical["word"].nulls


@given(st.lists(ROW, min_size=1, max_size=40), st.lists(ROW, min_size=1, max_size=40))
def test_other_outcomes_change_nothing_else(rows: list[Any], others: list[Any]) -> None:
    labels = summary(others).labels
    changed = parts.unpack(parts.with_labels(parts.pack(summary(rows), BEFORE), labels, 9), BEFORE)
    assert changed == msgspec.structs.replace(summary(rows), labels=labels, as_of_us=9)


def test_text_of_older_versions_is_still_read() -> None:
    row = (1.0, 7.0, math.nan, "x", 0.3, 1.0, True)
    once = summary([row, row])
    part = parts.decode(msgspec.json.encode(once))
    assert (part.rows, part.matured, parts.labels(part)) == (2, 2, once.labels)
    assert told.means(part) == {"plain": 1.0, "constant": 7.0, "": pytest.approx(0.3)}
    assert told.missing(part) == {"empty": 2}


def test_parts_of_older_versions_are_still_merged() -> None:
    """They had wide whole numbers, and no sample."""
    now = parts.pack(summary([(1.0, 7.0, math.nan, "x", 0.3, 1.0, True), (2.0, 7.0, 1.0, "a", 0.4, 0.0, True)]), BEFORE)
    cells = len(now.sums) // 8
    fields = msgspec.to_builtins(now, builtin_types=(bytes,))
    fields |= {
        "places": flat.wide(now.places, cells).astype("<u4").tobytes(),
        "counts": flat.wide(now.counts, cells).astype("<i8").tobytes(),
    }
    del fields["sample"]
    old = parts.decode(msgspec.msgpack.encode(fields))
    assert len(old.counts) > len(now.counts)
    assert parts.unpack(old, BEFORE) == parts.unpack(now, BEFORE)
    sampled = msgspec.structs.replace(now, sample=samples.take(dict.fromkeys(now.numeric, np.array([1.0, 2.0])), 2))
    both = msgspec.structs.replace(parts.unpack(parts.merge([old, sampled]), BEFORE), sample=None)
    assert both == msgspec.structs.replace(
        parts.unpack(parts.merge([now, now]), BEFORE),
        numeric={
            name: msgspec.structs.replace(each, quantiles=(1.0, 1.0, 2.0))
            for name, each in parts.unpack(parts.merge([now, now]), BEFORE).numeric.items()
        },
    )


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_samples_stay_small_and_stand_for_all_rows(sizes: list[int]) -> None:
    found = samples.merge([samples.take({"x": np.arange(float(each))}, each) for each in sizes])
    assert found is not None
    weights = np.frombuffer(found.weights, "<f4")
    assert weights.size <= samples.MOST
    assert weights.sum() == pytest.approx(sum(sizes), rel=1e-4)


@given(st.lists(st.lists(st.sampled_from(["a", "b", "ç", None, True, False]), max_size=200), min_size=1, max_size=40))
def test_words_of_merged_samples_are_those_of_their_rows(hours: list[list[object]]) -> None:
    """Each row keeps its own word and number together, whichever words the other hours have."""
    words = [np.array([*each, None], dtype=object)[:-1] for each in hours]
    names = {None: 0.0, "a": 1.0, "b": 2.0, "ç": 3.0, True: 4.0, False: 5.0}
    taken = [
        samples.take({"x": np.array([names[word] for word in each])}, len(each), {"word": each, "same": each})
        for each in words
    ]
    found = samples.merge([samples.merge(taken[:20]), *taken[20:]])
    assert found is not None
    assert found.words is not None
    read = samples.read(found)
    spelled = {"true": True, "false": False}
    for at in range(2):
        known = [spelled.get(word, word) for word in found.words[at]]
        assert set(known) == {known[code] for code in read.codes[:, at].tolist() if code >= 0}
        told = [names[known[code] if code >= 0 else None] for code in read.codes[:, at].tolist()]
        assert told == read.numbers[:, 0].tolist()


def test_what_an_older_sample_lacks_the_merged_one_lacks() -> None:
    """Samples of older versions have neither the score nor words; quantiles of features are still those of all rows."""
    old = samples.take({"x": np.array([1.0, 2.0])}, 2)
    new = samples.take({"x": np.array([3.0]), "": np.array([0.5])}, 1, {"word": np.array(["a"], dtype=object)})
    both = samples.merge([old, new])
    assert both is not None
    assert (both.columns, both.words, samples.read(both).numbers[:, 0].tolist()) == (1, None, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("seed", range(20))
def test_the_quantiles_of_a_month_of_unlike_hours(seed: int) -> None:
    """Nights with few rows and low values weigh as little as they are."""
    random = np.random.default_rng(seed)
    hours = [random.normal(hour % 24, 2.0, 5 + 20 * (hour % 24)) for hour in range(24 * 30)]
    taken = [samples.take({"x": each}, each.size) for each in hours]
    days = [samples.merge(taken[day * 24 : day * 24 + 24]) for day in range(30)]
    whole = np.concatenate(hours)
    for parts_of_it in (taken, days):
        found = samples.merge(parts_of_it)
        assert found is not None
        ((low, middle, high),) = (each for each in samples.quantiles(found) if each is not None)
        ranks = [float((whole <= each).mean()) for each in (low, middle, high)]
        assert np.allclose(ranks, (0.1, 0.5, 0.9), atol=0.08)


def test_what_lies_on_other_bins_is_not_merged() -> None:
    other = msgspec.structs.replace(BEFORE, categorical={"word": references.categorical(np.array(["q"], dtype=object))})
    once = summary([(1.0, 7.0, 1.0, "a", 0.3, 1.0, True)])
    for others in ([], [parts.pack(once, BEFORE), parts.pack(once, other)]):
        with pytest.raises(Invalid):
            parts.merge(others)


def test_what_some_hours_cannot_sum_their_day_cannot() -> None:
    once = summary([(1.0, 7.0, 1.0, "a", 0.3, 1.0, True)])
    without = msgspec.structs.replace(
        once,
        labels=score_labels.summarise(np.array([1.0]), np.array([0.5]), Task.BINARY),
    )
    merged = parts.merge([parts.pack(once, BEFORE), parts.pack(without, BEFORE)])
    assert set(merged.losses) == {"log_loss", "brier"}
    nothing = parts.pack(summary([(1.0, 7.0, 1.0, "a", 0.3, None, True)]), BEFORE)
    assert set(parts.merge([parts.pack(once, BEFORE), nothing]).losses) == {"log_loss", "brier", "cost_per_row"}


def test_many_new_categories_stay_counted() -> None:
    pieces = []
    for hour in range(3):
        rows = [(1.0, 7.0, 1.0, f"new-{hour}-{place}", 0.5, None, True) for place in range(40)]
        pieces.append(parts.pack(summary(rows), BEFORE))
    found = parts.unpack(parts.merge(pieces), BEFORE).categorical["word"]
    assert (found.new, len(found.unseen)) == (120, histogram.NAMED)
