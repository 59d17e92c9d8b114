"""What features add to the scores, as a check of the platform: of the rows that hours keep, by its own trees."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from skl2onnx.sklapi import CastTransformer
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from podium.build.runs.training import importance
from podium.bundle import columns
from podium.bundle.explain import explainer, table
from podium.bundle.export import explanation, frame, onnx
from podium.core import check, project, reference
from podium.core.check import CheckKind, CheckState
from podium.core.signature import Field, FieldType, Signature, Task
from podium.measures.drift import reference as references
from podium.monitor.alerts import store as alert_rows
from podium.monitor.checks import actions, contributions, finding, natives, samples
from podium.store.store import Store
from tests import production
from tests.store import test_checks_asked as asked

FIELDS = (
    Field(name="wind", type=FieldType.NUMBER),
    Field(name="hour", type=FieldType.INTEGER),
    Field(name="carrier", type=FieldType.TEXT),
    Field(name="weekend", type=FieldType.BOOLEAN),
)
SIGNATURE = Signature(features=FIELDS, task=Task.BINARY, key="id", target="late")


def rows(count: int, seed: int) -> columns.Columns:
    random = np.random.default_rng(seed)
    wind = random.gamma(2.0, 5.0, count)
    wind[random.random(count) < 0.05] = np.nan
    carrier = np.array(["AA", "UA", "B6", columns.NULL_TEXT], dtype=object)[random.integers(0, 4, count)]
    weekend = np.array([0.0, 1.0, np.nan])[random.integers(0, 3, count)]
    return {"wind": wind, "hour": random.integers(0, 24, count).astype(float), "carrier": carrier, "weekend": weekend}


@pytest.fixture(scope="module")
def trained() -> tuple[natives.Known, reference.Reference]:
    """A pipeline of trees with its own contributions, as training leaves them."""
    real = rows(3_000, 0)
    odds = 0.2 * np.nan_to_num(real["wind"]) + 0.1 * real["hour"] + 1.5 * (real["carrier"] == "AA") - 3.0
    late = (np.random.default_rng(1).random(3_000) < 1 / (1 + np.exp(-odds))).astype(int)
    prepare = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), ["wind", "hour", "weekend"]),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["carrier"]),
        ]
    )
    trees = HistGradientBoostingClassifier(max_iter=20, random_state=0)
    estimator = Pipeline([("prepare", prepare), ("cast", CastTransformer()), ("trees", trees)])
    given = frame.frame(SIGNATURE, real)
    estimator.fit(given, late)
    made = onnx.export(estimator, SIGNATURE, given)
    proof = explanation.Rows(real, made.expected, made.parity.tolerance)
    files = explanation.write(estimator, SIGNATURE, real, proof).files
    found = importance.of(lambda seen: np.zeros(columns.count(seen)), files, rows(3_000, 2))
    assert found.contributions is not None
    known = natives.Known(
        SIGNATURE, explainer.Native(files[table.ENCODER], files[table.FILE], tuple(field.name for field in FIELDS))
    )
    return known, reference.Reference(
        rows=3_000,
        numeric={name: references.numeric(real[name]) for name in ("wind", "hour")},
        categorical={
            field.name: references.categorical(objects(field, real)) for field in FIELDS if field.name in WORDS
        },
        score=references.numeric(made.expected),
        metrics={},
        cost_per_row=None,
        importance=found.shares,
        contributions=importance.disperse(found.contributions, files, real, np.arange(3_000) // 500),
    )


WORDS = ("carrier", "weekend")


def objects(field: Field, given: columns.Columns) -> Any:
    made = np.empty(columns.count(given), dtype=object)
    made[:] = columns.to_values(field, given[field.name])
    return made


def kept(given: columns.Columns, hours: int = 24) -> samples.Sample | None:
    """What hours keep of rows, merged."""
    cuts = np.linspace(0, columns.count(given), hours + 1).astype(int).tolist()
    taken = []
    for start, end in itertools.pairwise(cuts):
        some = columns.take(given, slice(start, end))
        numbers = {"wind": some["wind"], "hour": some["hour"], "": np.zeros(end - start)}
        words = {field.name: objects(field, some) for field in FIELDS if field.name in WORDS}
        taken.append(samples.take(numbers, end - start, words))
    return samples.merge(taken)


def test_kept_rows_are_explained_as_the_rows_themselves(
    trained: tuple[natives.Known, reference.Reference],
) -> None:
    """Of few enough rows all are kept: numbers to single precision, words and booleans, and what is not known."""
    known, before = trained
    given = rows(300, 5)
    found = contributions.of_sample(known, before, kept(given))
    assert known.native is not None
    oracle = np.abs(known.native.explain(given).values).mean(axis=0)
    assert found.sizes is not None
    assert [found.sizes[field.name].mean for field in FIELDS] == pytest.approx(oracle.tolist(), rel=1e-4)
    assert [each.rows for each in found.sizes.values()] == pytest.approx([300.0] * 4)


def test_hours_weigh_as_many_rows_as_they_have(trained: tuple[natives.Known, reference.Reference]) -> None:
    """An hour of a thousand rows keeps as many as one of forty, and weighs as a thousand."""
    known, before = trained
    busy, quiet = rows(1_000, 6), rows(40, 7)
    busy = {**busy, "wind": busy["wind"] + 30.0}
    both = samples.merge([kept(busy, hours=1), kept(quiet, hours=1)])
    found = contributions.of_sample(known, before, both).sizes
    of_busy = contributions.of_sample(known, before, kept(busy, hours=1)).sizes
    of_quiet = contributions.of_sample(known, before, kept(quiet, hours=1)).sizes
    assert found
    assert of_busy
    assert of_quiet
    mean = (1_000 * of_busy["wind"].mean + 40 * of_quiet["wind"].mean) / 1_040
    assert found["wind"].mean == pytest.approx(mean, rel=1e-5)
    assert found["wind"].rows < 64 * 0.6


def broken(found: contributions.Explained, before: reference.Reference, limit: float = 0.05) -> set[str | None]:
    limits = project.MonitorPart(contribution_moved=limit, min_rows=100)
    made = list(contributions.findings(found, before, limits, 1_000))
    states = finding.states(made)
    return {each.column for each, state in zip(made, states, strict=True) if state is CheckState.BROKEN}


def test_quiet_windows_break_nothing_and_faults_do(trained: tuple[natives.Known, reference.Reference]) -> None:
    known, before = trained

    def alarms(put: Callable[[columns.Columns], columns.Columns]) -> list[set[str | None]]:
        return [
            broken(contributions.of_sample(known, before, kept(put(rows(1_000, seed)))), before)
            for seed in range(100, 140)
        ]

    assert alarms(lambda given: given) == [set()] * 40
    silent = alarms(lambda given: {**given, "carrier": np.full(1_000, "B6", dtype=object)})
    assert all("carrier" in each for each in silent)
    higher = alarms(lambda given: {**given, "wind": given["wind"] + 20.0})
    assert sum("wind" in each for each in higher) >= 38


def test_windows_that_differ_while_quiet_are_believed_less(trained: tuple[natives.Known, reference.Reference]) -> None:
    known, before = trained
    silent = {**rows(1_000, 1), "carrier": np.full(1_000, "B6", dtype=object)}
    found = contributions.of_sample(known, before, kept(silent))
    assert broken(found, before)
    assert before.contributions is not None
    wide = msgspec.structs.replace(
        before.contributions, dispersions=dict.fromkeys(before.contributions.means, 500.0), window_rows=100.0
    )
    assert broken(found, msgspec.structs.replace(before, contributions=wide)) == set()


def test_too_few_rows_and_older_rows_say_nothing(trained: tuple[natives.Known, reference.Reference]) -> None:
    known, before = trained
    assert contributions.of_sample(known, before, kept(rows(20, 3), hours=1)).sizes is None
    some = kept(rows(200, 3))
    assert some is not None
    found = contributions.of_sample(known, before, msgspec.structs.replace(some, words=None, codes=b""))
    assert "from now on" in found.why
    limits = project.MonitorPart(contribution_moved=0.05)
    (said,) = contributions.findings(found, before, limits, 1_000)
    assert (said.column, said.value, said.enough) == (None, None, False)


def test_a_window_says_what_features_add(store: Store, clock: Any) -> None:
    """The distance moves so that it adds most of what is added; then the hour matters less."""
    document = production.start(store, asked.wanted(contribution_moved=0.05, drift_psi=50.0, score_psi=50.0))
    for day in range(6):
        asked.log(store, document, day, shift=0.0 if day < 3 else 1_500.0)
    quiet = asked.of(asked.close(store, clock, 2), CheckKind.EXPLANATION)
    assert {each.column: each.state for each in quiet} == {"distance": CheckState.OK, "hour": CheckState.OK}
    assert all((each.value or 1.0) < 0.04 and each.rows > 300 for each in quiet)
    found = {each.column: each for each in asked.of(asked.close(store, clock, 5), CheckKind.EXPLANATION)}
    assert found["distance"].state is CheckState.BROKEN
    assert found["distance"].said.startswith("matters more for the scores: ")
    assert (found["distance"].measure, found["distance"].weight) == ("contribution", 0.7)
    with store.read() as connection:
        (told,) = [each for each in alert_rows.list_all(connection, "flights") if each.kind == "explanation"]
    assert told.message.startswith("Scores come about otherwise than in training (version 1): distance contribution ")
    shown = {each.column: each.measures for each in actions.measures(store, production.SYSTEM, "delay").columns}
    assert shown["distance"]["contribution_share_now"] - shown["distance"]["contribution_share_before"] == (
        pytest.approx(found["distance"].value)
    )
    assert "contribution_now" not in shown[None]


def test_what_is_not_asked_for_is_not_computed(store: Store, clock: Any) -> None:
    document = production.start(store, asked.wanted())
    asked.log(store, document, 0)
    assert asked.of(asked.close(store, clock, 0), CheckKind.EXPLANATION) == []
    assert not any("contribution_now" in each.measures for each in measures(store))


def measures(store: Store) -> tuple[check.Measured, ...]:
    return actions.measures(store, production.SYSTEM, "delay").columns


def test_a_version_without_exact_contributions_says_so(
    trained: tuple[natives.Known, reference.Reference],
) -> None:
    _, before = trained
    found = contributions.of_sample(natives.Known(SIGNATURE, None), before, kept(rows(200, 3)))
    older = msgspec.structs.replace(before, contributions=None)
    assert len(list(contributions.findings(found, older, project.MonitorPart(contribution_moved=0.05), 1_000))) == 1
    (said,) = contributions.findings(found, before, project.MonitorPart(contribution_moved=0.05), 1_000)
    assert finding.states([said]) == [CheckState.NOT_ENOUGH_DATA]
    assert "not kept exactly" in said.said
