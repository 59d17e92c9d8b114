"""Alerts: one for each endpoint, version and kind; people acknowledge and resolve them; versions leave them behind."""

from collections.abc import Callable

import pytest

from podium.core import access, alert, check, event, time
from podium.core.alert import AlertState
from podium.core.check import CheckKind, CheckState
from podium.core.errors import Conflict, Invalid, NotFound
from podium.core.window import Window
from podium.monitor.alerts import actions
from podium.monitor.alerts import store as rows
from podium.store import events
from podium.store.store import Store
from tests.conftest import SetClock

Make = Callable[..., access.Caller]


def broken(number: int, kind: CheckKind = CheckKind.DRIFT, version: int = 1, value: float = 0.5) -> check.Check:
    return check.Check(
        id=f"check-{number}",
        project="flights",
        endpoint="delay",
        version=version,
        window=Window(0, 86_400_000_000),
        kind=kind,
        measure="psi",
        column=f"column-{number}",
        value=value,
        reference=0.0,
        limit=0.2,
        rows=900,
        state=CheckState.BROKEN,
    )


def find(
    store: Store,
    caller: access.Caller,
    *causes: check.Check,
    version: int = 1,
    recovered: frozenset[CheckKind] = frozenset(),
) -> list[alert.Alert]:
    kinds = {each.kind for each in causes}
    found = actions.Findings(
        endpoint="delay",
        version=version,
        since_us=0,
        broken={kind: [each for each in causes if each.kind is kind] for kind in kinds},
        recovered=recovered,
    )
    with store.write(caller) as tx:
        opened = actions.apply(tx, found)
        if not tx.recorded:
            tx.record("window.closed", event.Subject("window", "w"), permission=access.Permission.MONITOR)
    return opened


def standing(store: Store) -> list[alert.Alert]:
    with store.read() as connection:
        return [each for each in rows.list_all(connection, "flights") if each.state is not AlertState.RESOLVED]


def test_columns_that_break_together_are_one_alert(store: Store, caller: Make) -> None:
    opened = find(store, caller(), *(broken(number, value=0.3 + number / 10) for number in range(8)))
    assert len(opened) == 1
    assert len(opened[0].causes) == 8
    assert "column-7 psi 1 (limit 0.2)" in opened[0].message
    assert "and 3 more" in opened[0].message
    assert find(store, caller(), broken(9)) == []
    assert len(standing(store)) == 1
    assert standing(store)[0].causes == ("check-9",)
    assert standing(store)[0].opened_us == opened[0].opened_us


def test_kinds_have_their_own_alerts_and_recover_by_themselves(store: Store, caller: Make) -> None:
    find(store, caller(), broken(1), broken(2, CheckKind.QUALITY))
    assert {each.kind for each in standing(store)} == {"drift", "quality"}
    find(store, caller(), recovered=frozenset({CheckKind.DRIFT}))
    assert {each.kind for each in standing(store)} == {"quality"}
    find(store, caller(), broken(3))
    assert {each.kind for each in standing(store)} == {"drift", "quality"}


def test_a_version_that_no_longer_decides_leaves_no_alert(store: Store, caller: Make) -> None:
    find(store, caller(), broken(1))
    find(store, caller(), broken(2, version=2), version=2)
    assert [each.version for each in standing(store)] == [2]
    with store.read() as connection:
        old = next(each for each in rows.list_all(connection, "flights") if each.version == 1)
    assert old.note == "Version 1 no longer decides here."


def test_people_acknowledge_and_resolve(store: Store, caller: Make) -> None:
    opened = find(store, caller(), broken(1))[0]
    engineer = caller("engineer", "eve")
    seen = actions.acknowledge(store, engineer, opened.id, "Looking.")
    assert (seen.state, seen.acknowledged_by, seen.note) == (AlertState.ACKNOWLEDGED, "eve", "Looking.")
    find(store, caller(), broken(2))
    assert standing(store)[0].state is AlertState.ACKNOWLEDGED
    done = actions.resolve(store, engineer, opened.id, "A sensor was mended.")
    assert done.resolved_us is not None
    with pytest.raises(Conflict):
        actions.acknowledge(store, engineer, opened.id, "")
    with pytest.raises(NotFound):
        actions.resolve(store, engineer, "alert-none", "")
    with store.read() as connection:
        kinds = [each.event().kind for each in events.read(connection, project="flights")]
    assert kinds == ["alert.opened", "alert.acknowledged", "alert.updated", "alert.resolved"]


def test_what_a_broken_feed_moves_is_one_alert(store: Store, caller: Make) -> None:
    feed = [broken(1, CheckKind.QUALITY), broken(1), broken(2, CheckKind.SCORE_DRIFT)]
    (opened,) = find(store, caller(), *feed)
    assert (opened.kind, opened.kinds) == ("quality", ("drift", "quality", "score-drift"))
    assert len(opened.causes) == 3
    assert "With it: " in opened.message


def test_an_alert_that_turns_out_to_be_part_of_another_ends(store: Store, caller: Make) -> None:
    find(store, caller(), broken(1))
    find(store, caller(), broken(1), broken(1, CheckKind.QUALITY))
    (left,) = standing(store)
    assert left.kind == "quality"
    find(store, caller(), recovered=frozenset({CheckKind.QUALITY}))
    assert standing(store) == [left]
    find(store, caller(), recovered=frozenset({CheckKind.QUALITY, CheckKind.DRIFT}))
    assert standing(store) == []


def test_a_snoozed_alert_opens_again_when_its_time_is_over(store: Store, caller: Make, clock: SetClock) -> None:
    engineer = caller("engineer", "eve")
    opened = find(store, caller(), broken(1))[0]
    tomorrow = time.to_us(clock.now) + 86_400_000_000
    asleep = actions.snooze(store, engineer, opened.id, tomorrow, "on Monday")
    assert (asleep.state, asleep.snoozed_until_us) == (AlertState.SNOOZED, tomorrow)
    find(store, caller(), broken(1))
    assert standing(store)[0].state is AlertState.SNOOZED
    clock.advance(days=1)
    find(store, caller(), broken(1))
    woken = standing(store)[0]
    assert (woken.id, woken.state, woken.snoozed_until_us) == (opened.id, AlertState.OPEN, None)
    with store.read() as connection:
        kinds = [each.event().kind for each in events.read(connection, project="flights")]
    assert kinds == ["alert.opened", "alert.snoozed", "alert.updated", "alert.reopened"]
    for until in (time.to_us(clock.now), time.to_us(clock.now) + 91 * 86_400_000_000):
        with pytest.raises(Invalid):
            actions.snooze(store, engineer, opened.id, until, "")


def test_a_resolved_alert_may_open_anew(store: Store, caller: Make) -> None:
    first = find(store, caller(), broken(1))[0]
    actions.resolve(store, caller("engineer"), first.id, "")
    second = find(store, caller(), broken(1))[0]
    assert second.id != first.id
