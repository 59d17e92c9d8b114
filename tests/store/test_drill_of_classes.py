"""Fire drills of several classes: quiet traffic is left alone, faults are found, each check has its delay."""

from typing import Any

import msgspec
import numpy as np
import pytest

from podium.build.runs.training import export
from podium.bundle import columns
from podium.bundle.engines.onnx import session
from podium.core import bundle, drill, reference, time
from podium.jobs.worker import Worker
from podium.monitor.drill import actions, rehearse, tasks, traffic
from podium.monitor.drill import store as rows
from podium.store.store import Store
from tests import class_production as made
from tests import class_project


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> export.Exported:
    return made.make(tmp_path_factory.mktemp("made"), made.spec())


def setting(exported: export.Exported, days: int = 21, rows_a_day: int = 300) -> rehearse.Setting:
    data = class_project.data(days * rows_a_day, seed=5)
    features = columns.from_arrow(exported.signature, data)
    predict = session.Scorer(exported.files[bundle.MODEL]).predict
    count = days * rows_a_day
    found = traffic.Traffic(
        features=features,
        target=np.asarray(data.column("number"), dtype=np.float64),
        score=predict(features),
        threshold=None,
        at_us=np.arange(count) // rows_a_day * traffic.DAY_US + np.arange(count) % rows_a_day * 60_000_000,
        keys=np.arange(count),
    )
    trained = msgspec.json.decode(exported.files[bundle.REFERENCE], type=reference.Reference)
    return rehearse.Setting(found, exported.signature, made.spec(), predict, 1, trained)


def test_gross_faults_are_found_and_quiet_traffic_is_left_alone(exported: export.Exported) -> None:
    found = rehearse.run(setting(exported), drill.DrillRequest(repetitions=4), lambda *_: None)
    assert found.quiet.alarms <= 1
    faults = {each.fault: each for each in found.faults}
    for name in ("label flip", "concept drift", "shift 1σ", "unit changed", "nulls", "new category"):
        assert faults[name].detected == faults[name].runs == 4, name
    assert faults["label flip"].what == "10% of the outcomes come as another class"
    monitors: dict[tuple[str, str | None], Any] = {(each.measure, each.column): each for each in found.monitors}
    for label in class_project.LABELS:
        assert monitors["psi", f"p.{label}"].fault == "shift 1σ"
        assert monitors["psi", f"p.{label}"].runs == 4
    assert monitors["psi", "class"].fault == "shift 1σ"
    assert monitors["log_loss", None].fault == "concept drift"
    assert monitors["log_loss", None].detected == 4
    assert monitors["outcome_psi", None].fault == "label flip"


def test_a_drill_of_an_endpoint(store: Store, clock: Any, exported: export.Exported) -> None:
    document = made.start(store, exported, made.spec())
    for number in range(6):
        made.day(store, document, number, rows=300)
    clock.now = time.from_us(made.START_US + 6 * made.DAY_US)
    actions.request(store, made.SYSTEM, "fate", drill.DrillRequest(repetitions=2, days=6))
    Worker(store=store, handlers={actions.JOB: tasks.run}, name="w", poll_seconds=0.01).run_until_idle()
    with store.read() as connection:
        (kept,) = rows.list_all(connection, "flights", "fate")
    assert kept.rows == 1800
    assert kept.days == 6
    assert {"class", "p.late"} <= {each.column for each in kept.monitors}
    assert next(each for each in kept.faults if each.fault == "concept drift").detected == 2
