"""Rows as wholes, as a check of the platform: columns that are swapped look well each by itself."""

from typing import Any

import msgspec
import numpy as np

from podium.core import project, reference
from podium.core.check import CheckKind, CheckState
from podium.measures.drift import reconstruction
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import finding, samples, whole
from podium.monitor.checks.summary import Summary
from podium.store.store import Store
from tests import production
from tests.store import test_checks_asked as asked
from tests.store import test_checks_inputs as inputs

LIMITS = project.MonitorPart(pattern_moved=0.1, min_rows=100)


def rows(count: int, seed: int, *, swapped: bool = False) -> Any:
    """Temperature and dew point go together, wind and gust too; an hour by itself."""
    random = np.random.default_rng(seed)
    warm, windy = random.normal(size=count), random.normal(size=count)
    found = np.column_stack(
        [
            warm + 0.3 * random.normal(size=count),
            warm + 0.3 * random.normal(size=count),
            windy + 0.3 * random.normal(size=count),
            windy + 0.3 * random.normal(size=count),
            random.normal(size=count),
        ]
    )
    found[random.random(count) < 0.05, 1] = np.nan
    return found[:, [0, 2, 1, 3, 4]] if swapped else found


def trained() -> reference.Reference:
    names = ("warm", "dew", "wind", "gust", "hour")
    made = rows(8_000, 0)
    return msgspec.structs.replace(
        inputs.trained(),
        numeric={name: references.numeric(made[:, at]) for at, name in enumerate(names)},
        pattern=reconstruction.pattern(names, made),
    )


def look(matrix: Any, before: reference.Reference, limits: project.MonitorPart = LIMITS) -> tuple[Any, CheckState]:
    (found,) = whole.of_rows(matrix, before, limits, len(matrix))
    return found, finding.states([found])[0]


def test_quiet_windows_break_nothing_and_swapped_columns_do() -> None:
    before = trained()
    states = [look(rows(1_000, seed), before)[1] for seed in range(1, 101)]
    assert states == [CheckState.OK] * 100
    for seed in range(20):
        found, state = look(rows(1_000, seed, swapped=True), before)
        assert state is CheckState.BROKEN
        assert found.said.startswith("distance from how features move together +")
    assert (
        look(rows(40, 1), before, project.MonitorPart(pattern_moved=0.1, min_rows=10))[1] is CheckState.NOT_ENOUGH_DATA
    )


def test_windows_that_differ_while_quiet_are_believed_less() -> None:
    before = trained()
    assert before.pattern is not None
    wide = msgspec.structs.replace(
        before, pattern=msgspec.structs.replace(before.pattern, dispersion=5_000.0), window_rows=1_000.0
    )
    assert look(rows(1_000, 1, swapped=True), wide)[1] is CheckState.OK


def test_what_is_asked_for_beside_changes_no_other_check() -> None:
    """A column that may have drifted is believed no sooner because many others were surely looked at in another way."""
    many = [
        finding.Finding(
            kind=CheckKind.EXPLANATION,
            measure="contribution",
            column=f"x{at}",
            value=0.01,
            reference=0.0,
            limit=0.05,
            rows=200,
            over=False,
            p_value=1e-9,
        )
        for at in range(50)
    ]
    doubtful = msgspec.structs.replace(many[0], kind=CheckKind.DRIFT, measure="psi", over=True, p_value=0.009)
    other = msgspec.structs.replace(doubtful, column="other", over=False, p_value=0.5)
    assert finding.states([doubtful, other, *many])[0] is finding.states([doubtful, other])[0] is CheckState.OK


def test_the_rows_that_hours_keep_are_looked_at() -> None:
    before = trained()

    def kept(matrix: Any) -> Any:
        hours = [
            samples.take(
                {name: part[:, at] for at, name in enumerate(before.numeric)} | {"": part[:, 0]}, len(part), {}
            )
            for part in np.array_split(matrix, 24)
        ]
        plain = histogram.numeric(matrix[:, 0], before.score)
        made = Summary(
            rows=len(matrix),
            numeric={},
            categorical={},
            score=plain,
            labels=score_labels.ScoreLabels(rows=0, sums={}),
            as_of_us=0,
            sample=samples.merge(hours),
        )
        return list(whole.of_window(made, before, LIMITS))

    assert finding.states(kept(rows(1_000, 1))) == [CheckState.OK]
    (found,) = kept(rows(1_000, 1, swapped=True))
    assert finding.states([found]) == [CheckState.BROKEN]
    assert found.rows == 24 * samples.HOUR


def test_nothing_is_said_by_default_or_of_an_older_reference() -> None:
    before = trained()
    assert list(whole.of_rows(rows(500, 1), before, project.MonitorPart(), 500)) == []
    assert look(rows(500, 1), msgspec.structs.replace(before, pattern=None))[1] is CheckState.NOT_ENOUGH_DATA


def test_a_window_tells_of_rows_as_wholes(store: Store, clock: Any) -> None:
    document = production.start(store, asked.wanted(pattern_moved=0.1))
    for day in range(3):
        asked.log(store, document, day)
    (found,) = [each for each in asked.close(store, clock, 2) if each.measure == "pattern"]
    assert (found.state, found.column, found.rows) == (CheckState.OK, None, 1_024)
    assert 0.0 < (found.value or 0.0) < 0.1
