"""Several classes from the log to the checks: outcomes by label, performance, drift, estimates, shadows, replay."""

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from podium.build.runs import imports
from podium.build.runs.training import export
from podium.core import access, bundle, release, run, time
from podium.core.check import Check, CheckKind, CheckState
from podium.core.errors import Invalid, Refused
from podium.core.outcome import Outcome
from podium.core.release import Stage, Verdict
from podium.core.rollout import RouteRole
from podium.manage.registry import store as registry
from podium.measures.sketch import score_labels
from podium.monitor.checks import actions, closing, comparison, summaries
from podium.monitor.checks import store as rows
from podium.monitor.intake import actions as intake
from podium.monitor.intake import chances, compaction, replay, shadows, window
from podium.monitor.mistakes import actions as mistakes
from podium.monitor.triggers import training
from podium.store.store import Store
from tests import class_production as made
from tests import class_project


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> export.Exported:
    return made.make(tmp_path_factory.mktemp("made"), made.spec())


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> export.Exported:
    return made.make(tmp_path_factory.mktemp("worse"), made.spec(), blind=True)


def end_of(number: int) -> int:
    return made.START_US + (number + 1) * made.DAY_US


def close(store: Store, clock: Any, number: int) -> list[Check]:
    clock.now = time.from_us(end_of(number))
    compaction.compact(store, "flights", "fate")
    closing.close(store, made.SYSTEM, made.place_of(store), made.model_of(store), end_of(number))
    with store.read() as connection:
        return list(rows.list_checks(connection, "flights", "fate", end_us=end_of(number)))


def of_kind(found: list[Check], kind: CheckKind) -> dict[str, Check]:
    return {each.measure if each.column is None else each.column: each for each in found if each.kind is kind}


def logged(store: Store, number: int) -> Any:
    query = window.Query(
        model="fate",
        endpoint="fate",
        from_us=end_of(number) - made.DAY_US,
        to_us=end_of(number),
        as_of_us=end_of(number),
        roles=("champion",),
    )
    return window.read_window(store, "flights", query)


def test_a_quiet_day_is_measured_as_scikit_learn_measures_it(
    store: Store, clock: Any, exported: export.Exported
) -> None:
    document = made.start(store, exported, made.spec())
    truth = made.day(store, document, 0)
    found = close(store, clock, 0)
    assert [each for each in found if each.state is not CheckState.OK] == []
    table = logged(store, 0)
    said = chances.of(table, made.LABELS)
    places = [made.LABELS.index(label) for label in truth]
    assert table.column("outcome").to_pylist() == places
    predicted = said.argmax(axis=1)
    expected = {
        "log_loss": metrics.log_loss(places, said),
        "accuracy": metrics.accuracy_score(places, predicted),
        "macro_f1": metrics.f1_score(places, predicted, average="macro"),
        "macro_auc": metrics.roc_auc_score(places, said, multi_class="ovr"),
        "brier": float(((said - np.eye(3)[places]) ** 2).sum(axis=1).mean()),
    }
    performance = of_kind(found, CheckKind.PERFORMANCE)
    assert performance.keys() == expected.keys()
    for name, value in expected.items():
        one = performance[name]
        assert one.value == pytest.approx(value)
        assert one.low is not None
        assert one.high is not None
        assert one.low < value < one.high
        assert one.rows == 600
    estimated = of_kind(found, CheckKind.ESTIMATED)["log_loss"]
    assert estimated.low is not None
    assert estimated.high is not None
    assert estimated.low <= expected["log_loss"] <= estimated.high
    drift = of_kind(found, CheckKind.SCORE_DRIFT)
    assert drift.keys() == {"psi", "class", *(f"p.{label}" for label in made.LABELS)}
    assert of_kind(found, CheckKind.OUTCOME_DRIFT).keys() == {"outcome_psi"}
    day = actions.days(store, made.SYSTEM, "fate")[0]
    assert day.losses["accuracy"] == pytest.approx(expected["accuracy"])
    assert day.losses["log_loss"] == pytest.approx(expected["log_loss"])
    assert day.means["p.late"] == pytest.approx(said[:, 1].mean())


def test_what_changes_is_told_where_it_changes(store: Store, clock: Any, exported: export.Exported) -> None:
    document = made.start(store, exported, made.spec())
    made.day(store, document, 0, shift=1500.0)
    found = close(store, clock, 0)
    drift = of_kind(found, CheckKind.SCORE_DRIFT)
    assert drift["p.cancelled"].state is CheckState.BROKEN
    assert of_kind(found, CheckKind.OUTCOME_DRIFT)["outcome_psi"].state is CheckState.BROKEN
    assert "cancelled" in of_kind(found, CheckKind.OUTCOME_DRIFT)["outcome_psi"].said
    estimated, realised = (of_kind(found, kind)["log_loss"] for kind in (CheckKind.ESTIMATED, CheckKind.PERFORMANCE))
    assert (estimated.low or 9.0) <= (realised.value or 0.0) <= (estimated.high or 0.0)
    made.day(store, document, 1, turn=1)
    found = close(store, clock, 1)
    performance = of_kind(found, CheckKind.PERFORMANCE)
    assert {each.state for each in performance.values()} == {CheckState.BROKEN}
    assert of_kind(found, CheckKind.SCORE_DRIFT)["class"].state is CheckState.OK
    assert of_kind(found, CheckKind.ESTIMATED)["log_loss"].state is CheckState.OK


def test_a_late_outcome_and_a_correction_change_only_what_is_measured(
    store: Store, clock: Any, exported: export.Exported
) -> None:
    document = made.start(store, exported, made.spec())
    made.day(store, document, 0)
    close(store, clock, 0)
    before = actions.days(store, made.SYSTEM, "fate")[0]
    right = [Outcome(value="on time", at_us=end_of(0) - 1, prediction_id=f"p-0-{row}") for row in range(600)]
    intake.receive_outcomes(store, made.SYSTEM, "fate", right)
    made.day(store, document, 1)
    close(store, clock, 1)
    with store.read() as connection:
        assert rows.find_window(connection, "flights", "fate", end_of(0)).matured == 600  # type: ignore[union-attr]
    query = logged(store, 0)
    assert set(query.column("outcome").to_pylist()) == {0.0}
    assert before.losses["accuracy"] > 0.5


@pytest.mark.parametrize("value", ["diverted", 1.5, 0.0, ""])
def test_an_outcome_that_is_no_class_is_refused(store: Store, exported: export.Exported, value: float | str) -> None:
    made.start(store, exported, made.spec())
    with pytest.raises(Invalid, match="none of the model's classes") as refused:
        intake.receive_outcomes(store, made.SYSTEM, "fate", [Outcome(value=value, at_us=1, key="f1")])
    assert refused.value.field == "value"
    assert refused.value.fix == "Send one of on time, late, cancelled."


def test_a_prediction_tells_its_classes_and_replays_to_the_same_bits(
    store: Store, clock: Any, exported: export.Exported
) -> None:
    document = made.start(store, exported, made.spec())
    truth = made.day(store, document, 0)
    close(store, clock, 0)
    found = replay.get(store, "flights", "p-0-7")[0]
    assert found.outcome == truth[7]
    assert list(found.probabilities) == list(made.LABELS)
    assert found.label == max(found.probabilities, key=lambda label: found.probabilities[label])
    assert found.score == found.probabilities[found.label]
    assert replay.replay(store, "flights", "p-0-7").identical
    why = replay.explain(store, "flights", "p-0-7")
    assert (why.label, why.score) == (found.label, found.score)
    assert why.base + sum(why.contributions.values()) == pytest.approx(found.score)
    worst = mistakes.of_window(store, made.SYSTEM, "fate", end_of(0))
    assert worst.measure == "log_loss"
    assert worst.worst[0].label != worst.worst[0].outcome
    assert worst.worst[0].outcome in made.LABELS


def shadowed(store: Store) -> release.Release:
    with store.read() as connection:
        address = registry.version(connection, "flights", "fate", 2).digest
    return release.Release(
        id="release-1",
        project="flights",
        endpoint="fate",
        model="fate",
        version=2,
        digest=address,
        replaces=1,
        reason="",
        stage=Stage.SHADOW,
        created_us=made.START_US,
        created_by="ada",
        stage_since_us=made.START_US,
    )


@pytest.mark.parametrize("metric", ["log_loss", "accuracy", "macro_f1", "macro_auc"])
def test_a_challenger_is_compared_on_the_same_rows(
    store: Store, clock: Any, exported: export.Exported, worse: export.Exported, metric: str
) -> None:
    spec = made.spec()
    spec = msgspec.structs.replace(spec, metrics=msgspec.structs.replace(spec.metrics, primary=metric))
    document = made.start(store, exported, spec, worse)
    for number in range(2):
        made.day(store, document, number)
    close(store, clock, 1)
    found = comparison.compare(store, "flights", made.model_of(store), shadowed(store), end_of(1))
    assert found.verdict is Verdict.WORSE
    assert found.metric == metric
    assert found.rows == 1200
    assert found.high < 0.0


def test_shadows_that_were_not_logged_are_filled_in(
    store: Store, clock: Any, exported: export.Exported, worse: export.Exported
) -> None:
    document = made.start(store, exported, made.spec(), worse)
    made.day(store, document, 0, rows=50, roles=("champion",))
    close(store, clock, 0)
    query = window.Query(model="fate", endpoint="fate", from_us=0, to_us=end_of(0), as_of_us=end_of(0))
    assert shadows.back_fill(store, "flights", query, lambda *_: None) == 50
    both = window.read_window(store, "flights", query)
    twins = both.filter(np.array(both.column("role").to_pylist()) == "shadow")
    assert twins.num_rows == 50
    np.testing.assert_allclose(chances.of(twins, made.LABELS).sum(axis=1), 1.0)
    assert twins.column("score").to_pylist() == chances.of(twins, made.LABELS).max(axis=1).tolist()
    assert replay.replay(store, "flights", "p-0-7", "shadow").identical


def test_new_training_data_has_the_labels_of_the_first(store: Store, clock: Any, exported: export.Exported) -> None:
    from podium.build.datasets import actions as datasets  # noqa: PLC0415

    document = made.start(store, exported, made.spec())
    base = datasets.register_table(store, access.system("flights"), "flights", class_project.data(20, seed=9), "a test")
    truth = made.day(store, document, 0, rows=50)
    close(store, clock, 0)
    whole = training.collect(store, made.spec(), base, "fate", end_of(0))
    assert whole.schema.field("fate").type == class_project.data(1).schema.field("fate").type
    assert set(whole.column("fate").to_pylist()) <= set(made.LABELS)
    assert whole.num_rows == 50
    assert whole.column("fate").to_pylist()[-1] == truth[-1]


def with_monitor(**changes: Any) -> Any:
    spec = made.spec()
    return msgspec.structs.replace(spec, monitor=msgspec.structs.replace(spec.monitor, **changes))


def test_what_comes_out_follows_the_season(store: Store, clock: Any, exported: export.Exported) -> None:
    """Longer flights on two days of each week: against training they drift, against the same days they do not."""
    weekly = with_monitor(reference="week", reference_windows=3, metrics=(), estimated_drop=0.0, outcome_psi=0.0)
    document = made.start(store, exported, weekly)
    for week in range(4):
        made.day(store, document, 7 * week, shift=1500.0)
    found = of_kind(close(store, clock, 21), CheckKind.SCORE_DRIFT)
    assert {each.state for each in found.values()} == {CheckState.OK}
    assert found["p.cancelled"].value == pytest.approx(0.0, abs=0.05)
    made.day(store, document, 28)
    found = of_kind(close(store, clock, 28), CheckKind.SCORE_DRIFT)
    assert found["p.cancelled"].state is CheckState.BROKEN


def test_outcomes_are_judged_when_their_window_is_complete(store: Store, clock: Any, exported: export.Exported) -> None:
    document = made.start(store, exported, with_monitor(label_window="1d"))
    made.day(store, document, 0)
    assert of_kind(close(store, clock, 0), CheckKind.PERFORMANCE)["accuracy"].state is CheckState.NOT_ENOUGH_DATA
    made.day(store, document, 1, turn=1)
    found = close(store, clock, 1)
    assert of_kind(found, CheckKind.PERFORMANCE)["accuracy"].state is CheckState.OK
    assert of_kind(found, CheckKind.QUALITY)["label_selection"].state is CheckState.OK


def test_a_canary_is_compared_on_the_rows_that_each_decided(
    store: Store, clock: Any, exported: export.Exported, worse: export.Exported
) -> None:
    document = made.start(store, exported, made.spec(), worse)
    shadow = document.routes[1]
    for number in range(4):
        role = RouteRole.CHAMPION if number % 2 else RouteRole.CANARY
        decides = msgspec.structs.replace(document.routes[0] if number % 2 else shadow, role=role)
        made.day(store, msgspec.structs.replace(document, routes=(decides,)), number, roles=(role.value,))
    close(store, clock, 3)
    item = msgspec.structs.replace(shadowed(store), stage=Stage.CANARY)
    found = comparison.compare(store, "flights", made.model_of(store), item, end_of(3))
    assert found.verdict is Verdict.WORSE
    assert found.rows == 1200


def test_a_guardrail_watches_a_mean_over_rows(
    store: Store, clock: Any, exported: export.Exported, worse: export.Exported
) -> None:
    guarded = made.spec(
        release={
            "endpoint": "fate",
            "shadow": {"min_rows": 200, "min_duration": "1d"},
            "guardrails": [{"metric": "brier", "margin": 0.01}],
        }
    )
    document = made.start(store, exported, guarded, worse)
    made.day(store, document, 0)
    close(store, clock, 0)
    found = comparison.compare(store, "flights", made.model_of(store), shadowed(store), end_of(0)).guardrails[0]
    assert found.verdict is Verdict.WORSE
    assert found.second is not None
    assert found.first is not None
    assert found.second > found.first + 0.01


def test_a_model_from_elsewhere_is_refused_before_anything_is_made(store: Store) -> None:
    given = run.Imported(engine=bundle.Engine.PYTHON, files={"engine.json": "sha256:" + "0" * 64})
    asked = run.RunRequest(
        model="fate",
        dataset="sha256:" + "0" * 64,
        spec=class_project.spec(bundle={"allow": ["python"]}),
        code=run.Code(source_digest="sha256:" + "0" * 64, imported=given),
    )
    with pytest.raises(Refused, match="trained here") as refused:
        imports.check(store, asked)
    assert refused.value.field == "model.task"


def test_probabilities_that_miss_their_sum_by_what_parity_allows_are_measured() -> None:
    """Of a form in single precision, such as trees in Treelite."""
    table = pa.table({"p.on time": [0.2, 0.7], "p.late": [0.3, 0.2000006], "p.cancelled": [0.5000009, 0.1000009]})
    found = summaries.scores(table, made.LABELS)
    assert score_labels.summarise_classes(np.array([2.0, 0.0]), found).mean("accuracy") == 1.0
    np.testing.assert_allclose(found, np.column_stack([table.column(name) for name in table.column_names]), atol=2e-6)
