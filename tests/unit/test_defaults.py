"""The page from which the defaults were chosen: it names what the product does, and its sweep judges as the product."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from benches.check import memory
from benches.limits import files, graded, looked, page, reasons, still, swept
from podium.core import project
from podium.measures.comparison.finding import Measure, Rule, State
from podium.monitor.drill import faults, judge, rehearse, traffic

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
FOUND: dict[str, Any] = json.loads((FOLDER / "defaults.json").read_text(encoding="utf-8"))
ROOMY = msgspec.structs.replace(swept.limits_of_today(), min_rows=1)


def test_the_page_is_made_of_its_figures() -> None:
    assert (FOLDER / "defaults.md").read_text(encoding="utf-8") == page.markdown(FOUND)


@pytest.mark.parametrize("table", FOUND["tables"], ids=lambda each: f"{each['name']}, {each['where']}")
def test_the_bold_line_is_what_the_product_does(table: dict[str, Any]) -> None:
    files_of = table["where"] == "files"
    today = getattr(Rule(), table["name"]) if files_of else swept.present(table["name"])
    assert table["present"] == today
    assert today in [row["value"] for row in table["rows"]]
    assert reasons.WHY["check" if files_of else "monitor", table["name"]]


def test_every_default_that_finds_something_is_on_the_page() -> None:
    on_it = {each["name"] for each in FOUND["tables"]}
    limits = {name: getattr(swept.limits_of_today(), name) for name in project.MonitorPart.__struct_fields__}
    told = {name for name, value in limits.items() if isinstance(value, float | bool) and value}
    assert told - reasons.NOT_SWEPT <= on_it
    assert {name for name in Rule.__struct_fields__ if name not in reasons.NOT_SWEPT} <= on_it


def setting(**limits: Any) -> rehearse.Setting:
    """Eight columns, and outcomes that follow the first."""
    made = still.setting(msgspec.structs.replace(ROOMY, **limits), width=8)
    random = np.random.default_rng(3)
    target = (random.random(made.rows.count) < made.rows.score).astype(np.float64)
    spec = msgspec.structs.replace(made.spec, costs=project.CostsPart(false_positive=1.0, false_negative=4.0, unit="x"))
    return made._replace(rows=msgspec.structs.replace(made.rows, target=target, threshold=0.5), spec=spec)


OTHER = {
    "drift_psi": 0.02,
    "score_psi": 0.02,
    "missing_rate": 0.3,
    "new_categories": 0.3,
    "performance_drop": 0.5,
    "cost_rise": 0.01,
    "out_of_range": 0.0001,
    "vanished": 0.5,
    "constant": False,
}


def _still(rows: traffic.Traffic) -> traffic.Traffic:
    return msgspec.structs.replace(rows, features={**rows.features, still.MOVES: np.zeros(rows.count)})


def test_other_limits_are_judged_as_the_product_judges_them() -> None:
    made, other = setting(), setting(**OTHER)
    windows = traffic.days(made.rows)
    known = judge.Known(
        judge.reference_of(made.rows.take(np.concatenate(windows[::2])), made.signature, made.spec, made.trained), None
    )
    random = np.random.default_rng(5)
    put = [
        *graded.shift(still.MOVES, (0.3, 1.0), made.rows),
        graded.nulls(still.MOVES, 0.2),
        graded.unseen("20_categories_02", 0.2),
        graded.beyond(still.MOVES, 0.01, made.rows),
        graded.flipped(0.2),
        faults.Fault("stale", "", lambda rows, _random: _still(rows)),
    ]
    seen = 0
    for fault in put:
        rows = fault.put(made.rows.take(np.concatenate(windows[1:15:2])), random)
        found = judge.findings(rows, known, made.signature, made.spec)
        for each in (made, other):
            expected = judge.broken(judge.findings(rows, known, each.signature, each.spec))
            assert looked.broken(looked.sure(found, 0.01), each.spec.monitor) == expected
            seen += len(expected)
    assert seen > 10


def feature(measure: str, column: str | None) -> bool:
    return measure == "psi" and column is not None


def test_a_sweep_tells_false_alarms_from_faults_found() -> None:
    made = setting()
    put = graded.shift(still.MOVES, (0.25, 1.0), made.rows)
    known = looked.Judge(looked.look(made, put, repetitions=2, seed=1, rows=1_000))
    rows = [swept.row(known, "drift_psi", value, feature, [each.name for each in put]) for value in (0.01, 2.0)]
    assert rows[0]["windows"] == 2 * looked.QUIET
    assert rows[0]["found"]["normal_00 + 1σ"] == [2, 2, 1.0]
    assert rows[1]["found"]["normal_00 + 0.25σ"] == [0, 2, None]
    late = swept.row(known, swept.PERSISTENCE, "2 of 2", feature, ["normal_00 + 1σ"])
    assert late["found"]["normal_00 + 1σ"] == [2, 2, 2.0]


def test_other_floors_are_judged_as_the_command_judges_them() -> None:
    random = np.random.default_rng(2)
    before, now = files.table(random, 2_000), files.CHANGES["0.5σ"](files.table(random, 500), random)
    found = files.look(500, 1, 0, 2, ("0.5σ",))
    assert files.told(found, Rule(), Measure.DRIFT).found == {"0.5σ": (1, 1)}
    assert files.told(found, Rule(min_rows=501), None).found == {"0.5σ": (0, 1)}
    looked_at = memory.compare(memory.Table(before), memory.Table(now), Rule(min_rows=1))
    every = [*looked_at.whole, *(each for column in looked_at.columns for each in column.findings)]
    for rule in (Rule(effect=0.3), Rule(effect=0.001, drift_rate=0.2)):
        done = memory.compare(memory.Table(before), memory.Table(now), rule)
        alarms = {each.column for each in done.columns if each.state is State.ALARM}
        assert {each.column for each in files.alarming(every, rule, 500) if each.column} == alarms
