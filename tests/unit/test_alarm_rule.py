"""The rule of alarms, part by part: an effect over its limit, more than chance among all columns, enough rows."""

from typing import Any

import pytest

from podium.core.check import CheckKind, CheckState
from podium.monitor.checks import finding


def one(column: str = "wind", **changes: Any) -> finding.Finding:
    said = {"value": 0.5, "over": True, "p_value": 1e-9, **changes}
    return finding.Finding(
        kind=CheckKind.DRIFT, measure="psi", column=column, reference=0.0, limit=0.2, rows=900, **said
    )


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, CheckState.BROKEN),
        ({"over": False, "value": 0.1}, CheckState.OK),
        ({"p_value": 0.5}, CheckState.OK),
        ({"enough": False}, CheckState.NOT_ENOUGH_DATA),
    ],
    ids=["both", "no effect, however sure", "an effect by chance", "too few rows"],
)
def test_no_part_of_the_rule_is_enough_by_itself(changes: dict[str, Any], state: CheckState) -> None:
    assert finding.states([one(**changes)]) == [state]


def test_the_more_columns_are_looked_at_the_surer_each_must_be() -> None:
    doubtful = one(p_value=0.009)
    assert finding.states([doubtful]) == [CheckState.BROKEN]
    quiet = [one(f"quiet-{number}", over=False, p_value=0.5) for number in range(49)]
    assert finding.states([doubtful, *quiet])[0] is CheckState.OK
    assert finding.states([one(p_value=1e-5), *quiet])[0] is CheckState.BROKEN


def test_what_has_too_few_rows_makes_nobody_else_surer() -> None:
    silent = [one(f"silent-{number}", p_value=1e-12, enough=False) for number in range(5)]
    quiet = [one(f"quiet-{number}", over=False, p_value=0.5) for number in range(44)]
    assert finding.states([one(p_value=0.009), *silent, *quiet])[0] is CheckState.OK


def test_outcomes_rest_on_their_own_interval() -> None:
    measured = finding.Finding(
        kind=CheckKind.PERFORMANCE,
        measure="log_loss",
        column=None,
        value=0.7,
        reference=0.5,
        limit=0.6,
        rows=900,
        over=True,
    )
    assert finding.states([measured, one(p_value=0.5)]) == [CheckState.BROKEN, CheckState.OK]
