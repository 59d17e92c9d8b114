"""Rows as wholes, as a check of the platform: columns that are swapped look well each by itself."""

from typing import Any

import msgspec
import numpy as np

from podium.core import digest, project, reference
from podium.core.check import CheckKind, CheckState
from podium.measures.drift import reconstruction, told_apart
from podium.measures.drift import reference as references
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import finding, samples, whole
from podium.monitor.checks import kept as kept_rows
from podium.monitor.checks.summary import Summary
from podium.store.store import Store
from tests import production
from tests.store import test_checks_asked as asked
from tests.store import test_checks_inputs as inputs

NAMES = ("warm", "dew", "wind", "gust", "hour")
APART = project.MonitorPart(told_apart=0.05, min_rows=100)
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
    made = rows(8_000, 0)
    return msgspec.structs.replace(
        inputs.trained(),
        numeric={name: references.numeric(made[:, at]) for at, name in enumerate(NAMES)},
        pattern=reconstruction.pattern(NAMES, made),
        apart=told_apart.keep(NAMES, made),
    )


def given(matrix: Any, names: tuple[str, ...]) -> whole.Rows:
    return whole.Rows(names, matrix, matrix)


def look(matrix: Any, before: reference.Reference, limits: project.MonitorPart = LIMITS) -> tuple[Any, CheckState]:
    (found,) = whole.of_rows(given(matrix, tuple(before.numeric)), before, limits, len(matrix))
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


def test_the_order_of_a_stored_reference_is_not_that_of_training() -> None:
    """Stored, the names are in alphabetical order; the pattern and the rows kept are in the project file's."""
    before = trained()
    stored = msgspec.json.decode(digest.canonical(before), type=reference.Reference)
    names = tuple(stored.numeric)
    assert names != NAMES
    seen = given(rows(1_000, 1)[:, [NAMES.index(each) for each in names]], names)
    limits = project.MonitorPart(told_apart=0.05, pattern_moved=0.1, min_rows=100)
    mine, theirs = (list(whole.of_rows(each, before, limits, 1_000)) for each in (given(rows(1_000, 1), NAMES), seen))
    assert mine == theirs
    assert finding.states(theirs) == [CheckState.OK] * 2


def test_small_changes_of_all_columns_are_told_together() -> None:
    """A quarter of a deviation in each of five columns; quiet rows are told from no other."""
    before = trained()
    quiet = [look(rows(1_000, seed), before, APART) for seed in range(1, 101)]
    assert [state for _, state in quiet] == [CheckState.OK] * 100
    for seed in range(20):
        found, state = look(rows(1_000, seed) + 0.25, before, APART)
        assert (state, found.limit) == (CheckState.BROKEN, 0.55)
        assert found.said.startswith("rows told from training's: AUC 0.")
    assert look(rows(63, 1), before, project.MonitorPart(told_apart=0.05, min_rows=10))[1] is CheckState.NOT_ENOUGH_DATA
    (unknown,) = whole.of_rows(given(rows(500, 1), NAMES), msgspec.structs.replace(before, apart=None), APART, 500)
    assert (unknown.enough, unknown.said) == (False, "this version's training kept no rows; the next one keeps some")
    wordy = msgspec.structs.replace(before, apart=None, numeric={})
    (none,) = whole.of_rows(given(np.empty((500, 0)), ()), wordy, APART, 500)
    assert (none.enough, none.said) == (False, "the model has no numeric feature")


def wandering(random: np.random.Generator, count: int) -> Any:
    """A window whose columns all are a little off, each by itself."""
    return random.normal(size=(count, 10)) + 0.3 * random.normal(size=10)


def test_quiet_windows_that_wander_are_usual() -> None:
    """Ten windows of training say how well one is told from the others; two hundred more of the kind alarm twice."""
    random = np.random.default_rng(3)
    names = tuple(f"x{at}" for at in range(10))
    past = [wandering(random, 1_000) for _ in range(10)]
    kept = told_apart.keep(names, np.concatenate(past))
    assert kept is not None
    known = told_apart.learn(kept, np.concatenate(past), np.repeat(np.arange(10), 1_000))
    assert (known.windows, known.usual > 0.6, known.between > 0.0) == (10, True, True)
    before = msgspec.structs.replace(
        inputs.trained(), numeric={name: references.numeric(past[0][:, 0]) for name in names}, apart=known
    )
    quiet = [look(wandering(random, 1_000), before, APART)[1] for _ in range(200)]
    assert quiet.count(CheckState.BROKEN) <= 2
    unaware = msgspec.structs.replace(before, apart=kept)
    assert [look(wandering(random, 1_000), unaware, APART)[1] for _ in range(10)].count(CheckState.BROKEN) == 10
    gone = [look(wandering(random, 1_000) + 1.5, before, APART)[1] for _ in range(10)]
    assert gone == [CheckState.BROKEN] * 10
    assert told_apart.learn(kept, np.concatenate(past), np.repeat([0, 1], 5_000)) == kept


def test_rows_that_stand_for_many_come_once() -> None:
    """An hour of 3,200 rows and one of 32 keep as many; the busy one's rows come once, and few of the other's."""
    busy, idle = (samples.take({"x": np.full(count, value)}, count, {}) for count, value in ((3_200, 1.0), (32, 2.0)))
    merged = samples.merge([busy, idle])
    assert merged is not None
    found = kept_rows.once(samples.read(merged)).numbers[:, 0]
    assert (found.size, (found == 1.0).sum()) == (32, 32)
    assert kept_rows.alike(samples.read(merged)).numbers.shape[0] == 64


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
    assert list(whole.of_rows(given(rows(500, 1), NAMES), before, project.MonitorPart(), 500)) == []
    assert look(rows(500, 1), msgspec.structs.replace(before, pattern=None))[1] is CheckState.NOT_ENOUGH_DATA


def test_a_window_tells_of_rows_as_wholes(store: Store, clock: Any) -> None:
    document = production.start(store, asked.wanted(pattern_moved=0.1, told_apart=0.05))
    for day in range(3):
        asked.log(store, document, day)
    found = {each.measure: each for each in asked.close(store, clock, 2)}
    pattern, told = found["pattern"], found["told_apart"]
    assert (pattern.state, pattern.column, pattern.rows) == (CheckState.OK, None, 1_024)
    assert 0.0 < (pattern.value or 0.0) < 0.1
    assert (told.state, told.column, told.reference, told.rows) == (CheckState.OK, None, 0.5, 1_024)
    assert abs((told.value or 0.0) - 0.5) < 0.05
    for day in range(3, 6):
        asked.log(store, document, day, shift=300.0)
    (moved,) = [each for each in asked.close(store, clock, 5) if each.measure == "told_apart"]
    assert (moved.state, moved.value is not None and moved.value > 0.6) == (CheckState.BROKEN, True)
