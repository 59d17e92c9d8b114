"""Error analysis of a window: the rows, features and segments that were made bad are those that it names."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from litestar.testing import TestClient

from podium.cli import mistakes as command
from podium.core import access, mistakes
from podium.core.access import Role
from podium.core.errors import NotFound
from podium.manage.access import actions as people
from podium.measures.segments import condition
from podium.monitor.checks import closing
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction
from podium.monitor.mistakes import actions, analysis
from podium.server import app, routes
from podium.store.store import Store
from tests import production

END_US = production.days([6])[0]


def week(store: Store, *, night: bool) -> tuple[pa.Table, np.ndarray]:
    """A closed week of 2,800 rows. At `night` (hour ≥ 20) all that came true is turned round."""
    document = production.start(store)
    tables, truths = [], []
    for number in range(7):
        day = production.traffic(store, document, 400, day=number)
        late = day.late.copy()
        if night:
            hour = day.of("champion").column("f.hour").to_numpy()
            late[hour >= 20] = 1.0 - (day.of("champion").column("score").to_numpy()[hour >= 20] > 0.5)
        known = production.Traffic(table=day.table, late=late)
        production.send(store, day.table, f"day-{number}")
        at_us = production.days([number])[0] - 1
        intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(known, at_us=at_us))
        tables.append(day.of("champion"))
        truths.append(late)
    compaction.compact(store, "flights", "delay")
    closing.close(store, production.SYSTEM, production.place_of(store), production.model_of(store), END_US)
    return pa.concat_tables(tables), np.concatenate(truths)


def test_a_planted_segment_its_feature_and_the_worst_rows_are_named(store: Store) -> None:
    rows, late = week(store, night=True)
    found = actions.of_window(store, production.SYSTEM, "delay", count=5)
    score = rows.column("score").to_numpy()
    losses = -np.log(np.where(late == 1, score, 1 - score))
    assert (found.rows, found.searched, found.waiting, found.measure) == (2_800, 2_800, 0, "log_loss")
    assert found.loss == pytest.approx(losses.mean())
    ids = rows.column("prediction_id").to_pylist()
    assert [each.prediction_id for each in found.worst] == [ids[at] for at in np.argsort(-losses)[:5]]
    first = found.worst[0]
    at = ids.index(first.prediction_id)
    assert first.loss == pytest.approx(losses[at])
    assert first.features == {
        "distance": pytest.approx(rows.column("f.distance")[at].as_py()),
        "hour": rows.column("f.hour")[at].as_py(),
    }
    assert found.features[0].feature == "hour"
    assert found.features[0].worst.startswith("hour > ")
    assert found.features[0].loss > losses.mean()
    assert found.segments[0].expected is not None
    assert found.segments[0].expected < found.segments[0].loss - 0.2, "it is wrong there, and does not know it"
    assert found.segments[0].where.startswith("hour > ")
    assert found.segments[0].excess.low > 0.0
    assert found.segments[0].loss > found.segments[0].elsewhere


def test_rows_that_are_hard_to_tell_are_not_wrong(store: Store) -> None:
    week(store, night=False)
    found = actions.of_window(store, production.SYSTEM, "delay")
    assert found.segments, "near one half losses are higher, and that is no chance"
    for each in found.segments:
        assert each.expected == pytest.approx(each.loss, abs=0.06)
    assert len(found.worst) == 20


def test_chance_names_little() -> None:
    """40 features that tell nothing, 100 times: some are named in at most 5 % of the looks."""
    named = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        by = {f"x{at}": random.normal(size=800) for at in range(40)}
        rows = analysis.Rows(condition.ready(by), random.exponential(size=800), None)
        told, quiet = analysis.tellers(rows)
        assert quiet == 40 - len(told)
        named += bool(told or analysis.segments(rows, condition.atoms(by)))
    assert named <= 0.1 * 100, "5 % for each of two families"


def test_no_more_rows_are_looked_through_than_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, late = week(store, night=True)
    monkeypatch.setattr(actions, "SEARCHED", 1_000)
    found = actions.of_window(store, production.SYSTEM, "delay", END_US)
    assert (found.rows, found.searched) == (2_800, 1_000)
    score = rows.column("score").to_numpy()
    losses = -np.log(np.where(late == 1, score, 1 - score))
    assert found.worst[0].loss == pytest.approx(losses.max()), "the worst of all rows, not of those looked through"
    assert found.features[0].feature == "hour"


def test_a_window_that_is_none_is_not_found(store: Store) -> None:
    production.start(store)
    with pytest.raises(NotFound):
        actions.of_window(store, production.SYSTEM, "delay")
    with pytest.raises(NotFound):
        actions.of_window(store, production.SYSTEM, "delay", END_US)


@pytest.fixture
def client(store: Store) -> Iterator[Callable[[Role], TestClient[Any]]]:
    people.bootstrap(store, "root")
    admin = access.Caller(name="root", roles=frozenset({Role.ADMIN}), project=access.EVERYWHERE)
    opened = []

    def make(role: Role) -> TestClient[Any]:
        people.create_user(store, admin, f"{role.value}-1")
        people.grant(store, admin, f"{role.value}-1", role, "flights")
        made = TestClient(app.build(store, routes.ALL))
        made.headers["Authorization"] = f"Bearer {people.make_token(store, admin, f'{role.value}-1').secret}"
        made.headers["Accept"] = "text/html"
        made.__enter__()
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.__exit__()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ENGINEER, Role.OWNER, Role.APPLICATION])
def test_features_of_rows_are_for_roles_with_a_part(
    store: Store, client: Callable[[Role], TestClient[Any]], role: Role
) -> None:
    rows, _ = week(store, night=True)
    asking = client(role)
    answer = asking.get("/api/v1/projects/flights/endpoints/delay/mistakes", params={"rows": 1})
    shown = asking.get(f"/p/flights/endpoints/delay/windows/{END_US}/mistakes")
    if role is Role.APPLICATION:
        assert (answer.status_code, shown.status_code) == (403, 403)
        return
    (worst,) = answer.json()["worst"]
    assert worst["prediction_id"] in rows.column("prediction_id").to_pylist()
    assert worst["prediction_id"] in shown.text
    assert "hour &gt; " in shown.text
    if role is Role.VIEWER:
        assert worst["features"] is None
        assert "Features of single rows are shown to roles" in shown.text
        assert "distance " not in shown.text.partition('id="rows"')[2]
    else:
        assert set(worst["features"]) == {"distance", "hour"}
        assert "distance " in shown.text.partition('id="rows"')[2]


def test_the_terminal_says_features_in_words() -> None:
    one = mistakes.Mistake(
        prediction_id="p",
        at_us=0,
        score=0.1,
        decision=False,
        outcome=1.0,
        loss=2.3,
        features={"kind": "gone", "amount": 12.34567, "new": True, "age": None},
    )
    assert command._said(one) == "kind gone, amount 12.35, new true, age missing"


def test_without_outcomes_nothing_is_said(store: Store) -> None:
    document = production.start(store)
    day = production.traffic(store, document, 200, day=0)
    production.send(store, day.table, "day-0")
    compaction.compact(store, "flights", "delay")
    closing.close(store, production.SYSTEM, production.place_of(store), production.model_of(store), END_US)
    found = actions.of_window(store, production.SYSTEM, "delay")
    assert (found.rows, found.waiting, found.loss, found.worst, found.segments) == (0, 200, None, (), ())
