"""Evidence and gates over stored versions."""

import math
from collections.abc import Callable

import pytest

from podium.core import access, errors, project
from podium.core.evidence import GateResult
from podium.manage.policies import actions
from podium.manage.policies import store as rows
from podium.manage.registry import store as versions
from podium.store import events
from podium.store.store import Store
from tests import registered

Caller = Callable[..., access.Caller]


def test_gates_that_pass_are_kept_with_the_version(store: Store) -> None:
    registered.apply(store)
    made = registered.evaluated(store)
    assert made.gates_passed is True
    with store.read() as connection:
        found = rows.results(connection, "flights", made.digest)
        last = events.read(connection, kind="version.gates-evaluated")[0].event()
    assert [(item.name, item.passed, item.problem) for item in found] == [("area", True, None), ("same", True, None)]
    assert (last.detail["passed"], last.detail["failed"]) == (True, [])
    assert (last.subject.noun, last.subject.id) == ("version", made.digest)


def test_gates_that_fail_say_which(store: Store) -> None:
    gates = (*registered.GATES, project.GatePart(name="fast", expression="latency.one_row_us < 100"))
    registered.apply(store, gates=gates)
    made = registered.evaluated(store, auc=0.6)
    assert made.gates_passed is False
    with store.read() as connection:
        found = rows.results(connection, "flights", made.digest)
        last = events.read(connection, kind="version.gates-evaluated")[0].event()
    assert [item.passed for item in found] == [False, True, False]
    assert found[2].problem == "There is no evidence latency for this version."
    assert (last.detail["passed"], last.detail["failed"]) == (False, ["area", "fast"])


def test_the_gates_are_those_of_the_versions_own_project_file(store: Store) -> None:
    registered.apply(store)
    made = registered.register(store)
    registered.apply(store, gates=(project.GatePart(name="never", expression="metrics.test.auc.value > 2"),))
    found = actions.evaluate(store, access.system("flights"), "delay", made.number)
    assert [item.name for item in found] == ["area", "same"]


def test_evidence_is_the_newest_of_each_name_and_its_digest_follows(store: Store) -> None:
    registered.apply(store)
    made = registered.register(store)
    with store.read() as connection:
        before = rows.digest_of_all(connection, "flights", made.digest)
    with store.write(access.system("flights")) as tx:
        same = actions.attach_in(tx, made, "parity", {"rows": 10, "max_abs_error": 0.0, "tolerance": 1e-6})
        assert not tx.recorded
        changed = actions.attach_in(tx, made, "parity", {"rows": 20, "max_abs_error": math.nan, "tolerance": 1e-6})
    assert same.digest != changed.digest
    assert changed.content["max_abs_error"] is None
    with store.read() as connection:
        assert [item.name for item in rows.list_evidence(connection, "flights", made.digest)] == ["metrics", "parity"]
        assert len(rows.history(connection, "flights", made.digest)) == 3
        assert rows.digest_of_all(connection, "flights", made.digest) != before
    found = actions.evaluate(store, access.system("flights"), "delay", made.number)
    assert found[1].problem == "It cannot be computed: parity.max_abs_error is empty."


def test_people_attach_reports_but_never_what_podium_measures(store: Store, caller: Caller) -> None:
    gate = project.GatePart(name="stress", expression="reports.stress.held")
    registered.apply(store, gates=(gate,))
    registered.register(store)
    validator = caller("validator")
    with pytest.raises(errors.Invalid, match="Only Podium"):
        actions.attach_report(store, validator, ("delay", 1), "metrics", {"test": {"auc": {"value": 1.0}}})
    actions.attach_report(store, validator, ("delay", 1), "stress", {"held": True})
    with pytest.raises(errors.Conflict, match="already"):
        actions.attach_report(store, validator, ("delay", 1), "stress", {"held": True})
    assert actions.evaluate(store, validator, "delay", 1) == [
        GateResult(name="stress", expression="reports.stress.held", passed=True)
    ]
    with store.read() as connection:
        assert versions.version(connection, "flights", "delay", 1).gates_passed is True


def test_evidence_has_a_name_and_a_size(store: Store, caller: Caller) -> None:
    registered.apply(store)
    registered.register(store)
    with pytest.raises(errors.Invalid):
        actions.attach_report(store, caller("validator"), ("delay", 1), "A report", {})
    with pytest.raises(errors.Invalid, match="larger"):
        actions.attach_report(store, caller("validator"), ("delay", 1), "report", {"text": "x" * 1_000_001})
    with pytest.raises(errors.NotFound):
        actions.attach_report(store, caller("validator"), ("delay", 7), "report", {})
