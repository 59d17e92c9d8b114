"""Intake: durable once acknowledged, each prediction in the log once, outcomes joined, replayed bit for bit."""

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from podium.core import digest, outcome
from podium.core.errors import Conflict, Invalid, NotFound, Unavailable
from podium.monitor.intake import actions, compaction, replay, shadows, window
from podium.monitor.intake import log as logs
from podium.monitor.intake import store as rows
from podium.store import events
from podium.store.store import Store
from tests import production


def whole(store: Store, **changes: object) -> pa.Table:
    query = window.Query(
        model="delay",
        endpoint="delay",
        from_us=0,
        to_us=production.START_US + 100 * production.DAY_US,
        as_of_us=production.START_US + 100 * production.DAY_US,
    )
    return window.read_window(store, "flights", msgspec.structs.replace(query, **changes))


def test_a_segment_is_received_once(store: Store) -> None:
    document = production.start(store)
    day = production.traffic(store, document, 50, day=0)
    first = production.send(store, day.table, "s1")
    assert production.send(store, day.table, "s1") == first
    with pytest.raises(Conflict):
        production.send(store, day.table.slice(1), "s1")
    with store.read() as connection:
        found = events.read(connection, project="flights", kind="segment.received")
    assert len(found) == 1
    assert found[0].event().parents[0].noun == "version"


@pytest.mark.parametrize("cut", [0, 1, 9, 100, 500])
def test_a_torn_segment_is_refused(store: Store, cut: int) -> None:
    document = production.start(store)
    data = production.segment(production.traffic(store, document, 50, day=0).table)[:cut]
    with pytest.raises(Invalid):
        actions.receive_segment(store, production.SYSTEM, "scorer-1", "s1", data, digest.of_bytes(data))


def test_a_request_sent_again_later_under_its_id_counts_once(store: Store) -> None:
    document = production.start(store)
    first = production.traffic(store, document, 5, day=0).table
    later = pc.add(first["at"].cast(pa.int64()), 59 * 60_000_000).cast(pa.timestamp("us", "UTC"))
    again = first.set_column(first.column_names.index("at"), "at", later)
    for number, table in enumerate((again.slice(4), first, again)):
        production.send(store, table, f"s{number}")
        compaction.compact(store, "flights", "delay")
    found = whole(store)
    assert found.num_rows == 5
    assert len(set(found["prediction_id"].to_pylist())) == 5


def test_bytes_changed_on_the_way_are_refused(store: Store) -> None:
    document = production.start(store)
    data = production.segment(production.traffic(store, document, 5, day=0).table)
    with pytest.raises(Invalid, match="digest"):
        actions.receive_segment(store, production.SYSTEM, "scorer-1", "s1", data, digest.of_bytes(b"other"))


@pytest.mark.parametrize("column", ["score", "prediction_id", "at"])
def test_a_segment_lacks_no_column(store: Store, column: str) -> None:
    document = production.start(store)
    table = production.traffic(store, document, 5, day=0).table.drop_columns([column])
    with pytest.raises(Invalid, match=column):
        production.send(store, table, "s1")


def test_compaction_brings_each_prediction_into_the_log_once(store: Store) -> None:
    document = production.start(store, challenger=-0.5)
    one, two = (production.traffic(store, document, 60, day=number) for number in (0, 1))
    production.send(store, one.table, "s1")
    production.send(store, pa.concat_tables([one.table.slice(10), two.table]), "s2")
    assert compaction.compact(store, "flights", "delay") == {"predictions": 240, "outcomes": 0}
    production.send(store, two.table.take(list(range(5, 25))), "s3")
    assert compaction.compact(store, "flights", "delay") == {"predictions": 0, "outcomes": 0}
    found = whole(store)
    assert found.num_rows == 240
    names = [f"{a}/{b}" for a, b in zip(found["prediction_id"].to_pylist(), found["role"].to_pylist(), strict=True)]
    assert len(set(names)) == 240
    assert found["at"].to_pylist() == sorted(found["at"].to_pylist())


def test_a_kill_before_or_after_the_commit_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    document = production.start(store)
    day = production.traffic(store, document, 60, day=0)
    production.send(store, day.table, "s1")
    actions.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(day))

    class Killed(Exception):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:  # after the table's commit, before the database knows
        patch.setattr(rows, "committed", die)
        with pytest.raises(Killed):
            compaction.compact(store, "flights", "delay")
    with monkeypatch.context() as patch:  # after the batch is fixed, before the table's commit
        patch.setattr(logs.Log, "append", die)
        with pytest.raises(Killed):
            compaction.compact(store, "flights", "delay")
    compaction.compact(store, "flights", "delay")
    compaction.compact(store, "flights", "delay")
    assert whole(store).num_rows == 60
    table = logs.Log(store, "flights", "delay", rows.OUTCOMES).dataset()
    assert table is not None
    assert table.count_rows() == 60


def test_two_writers_at_once_do_not_both_win(store: Store) -> None:
    document = production.start(store)
    production.send(store, production.traffic(store, document, 10, day=0).table, "s1")
    compaction.compact(store, "flights", "delay")
    log = logs.Log(store, "flights", "delay", rows.PREDICTIONS)
    content = logs.with_day(production.traffic(store, document, 10, day=1).table.drop_columns(["f.hour"]))
    with log.opened() as one, log.opened() as two:
        log.append(content, 2, one)
        with pytest.raises(Unavailable):
            log.append(content, 2, two)


def test_a_feature_is_added_and_one_may_not_change_its_kind(store: Store) -> None:
    document = production.start(store)
    old = production.traffic(store, document, 10, day=0).table
    production.send(store, old, "s1")
    compaction.compact(store, "flights", "delay")
    new = production.traffic(store, document, 10, day=1).table
    new = new.append_column("f.airline", pa.array(["AA"] * 10)).append_column("f.empty", pa.nulls(10))
    production.send(store, new, "s2")
    compaction.compact(store, "flights", "delay")
    found = whole(store)
    assert found["f.airline"].to_pylist() == [None] * 10 + ["AA"] * 10
    assert "f.empty" not in found.column_names
    changed = production.traffic(store, document, 10, day=2).table.append_column("f.airline", pa.array([1.0] * 10))
    with pytest.raises(Conflict, match="airline"):
        production.send(store, changed, "s3")


def test_outcomes_are_received_once_and_the_latest_counts(store: Store) -> None:
    document = production.start(store)
    day = production.traffic(store, document, 4, day=0)
    production.send(store, day.table, "s1")
    at = production.START_US + production.DAY_US

    def say(value: float, at_us: int, **which: str) -> outcome.OutcomeBatch:
        made = outcome.Outcome(value=value, at_us=at_us, **which)
        return actions.receive_outcomes(store, production.SYSTEM, "delay", [made])

    first = say(1.0, at, key="f-0-0-0")
    assert say(1.0, at, key="f-0-0-0") == first
    say(0.0, at + 10, key="f-0-0-0")
    say(1.0, at + 5, key="f-0-0-0")
    say(1.0, at, key="f-0-0-1")
    say(0.0, at, prediction_id="p-0-0-1")
    compaction.compact(store, "flights", "delay")
    found = whole(store)
    assert found["outcome"].to_pylist() == [0.0, 0.0, None, None]
    assert whole(store, as_of_us=at + 7)["outcome"].to_pylist()[0] == 1.0
    assert whole(store, as_of_us=at - 1)["outcome"].null_count == 4
    assert whole(store, matured=True).num_rows == 2


@pytest.mark.parametrize(("days", "counts"), [(-30, False), (-8, False), (-6, True), (0, True), (8, True), (400, True)])
def test_when_an_outcome_came_says_alone_whether_it_counts(store: Store, days: int, counts: bool) -> None:
    """The same row in a long window and in a short one, its outcome known long before or after: one answer."""
    document = production.start(store)
    for day in (0, 40):
        production.send(store, production.traffic(store, document, 10, day=day).table, f"s{day}")
    made_us = production.START_US + 40 * production.DAY_US
    known = outcome.Outcome(value=1.0, at_us=made_us + days * production.DAY_US, key="f-0-40-0")
    actions.receive_outcomes(store, production.SYSTEM, "delay", [known])
    compaction.compact(store, "flights", "delay")
    as_of_us = made_us + 500 * production.DAY_US
    for start_us in (production.START_US, made_us - production.DAY_US, made_us):
        query = window.Query(
            model="delay", endpoint="delay", from_us=start_us, to_us=made_us + 1, as_of_us=as_of_us, columns=()
        )
        found = window.read_window(store, "flights", query)
        assert found["outcome"].to_pylist()[-1] == (1.0 if counts else None)
        assert window.read_window(store, "flights", msgspec.structs.replace(query, matured=True)).num_rows == counts


def test_outcomes_must_make_sense(store: Store) -> None:
    production.start(store)
    for wrong in (
        [],
        [outcome.Outcome(value=1.0, at_us=1)],
        [outcome.Outcome(value=float("nan"), at_us=1, key="k")],
        [outcome.Outcome(value=1.0, at_us=-1, key="k")],
        [outcome.Outcome(value=1.0, at_us=2**63, key="k")],
        b"not arrow",
    ):
        with pytest.raises(Invalid):
            actions.receive_outcomes(store, production.SYSTEM, "delay", wrong)
    with pytest.raises(NotFound):
        actions.receive_outcomes(store, production.SYSTEM, "nowhere", [outcome.Outcome(value=1.0, at_us=1, key="k")])


def test_every_prediction_replays_to_the_same_bits(store: Store, clock: object) -> None:
    document = production.start(store, challenger=-0.5)
    production.send(store, production.traffic(store, document, 300, day=0).table, "s1")
    compaction.compact(store, "flights", "delay")
    one = replay.replay(store, "flights", "p-0-0-7")
    assert one.identical
    assert one.version == 1
    assert replay.replay(store, "flights", "p-0-0-7", "shadow").version == 2
    query = window.Query(model="delay", endpoint="delay", from_us=0, to_us=2**62, as_of_us=0)
    many = replay.sample(store, "flights", query, 200, seed=4)
    assert len(many) == 200
    assert all(each.identical for each in many)
    assert many == replay.sample(store, "flights", query, 200, seed=4)
    with pytest.raises(NotFound):
        replay.replay(store, "flights", "p-none")


def test_a_prediction_that_was_changed_in_the_log_does_not_replay(store: Store) -> None:
    document = production.start(store)
    table = production.traffic(store, document, 5, day=0).table
    score = np.nextafter(table["score"].to_numpy(), 1.0)
    production.send(store, table.set_column(10, "score", pa.array(score)), "s1")
    compaction.compact(store, "flights", "delay")
    assert not replay.replay(store, "flights", "p-0-0-0").identical


def test_a_logged_prediction_is_explained_from_its_bundle(store: Store) -> None:
    document = production.start(store)
    table = production.traffic(store, document, 5, day=0).table
    production.send(store, table, "s1")
    compaction.compact(store, "flights", "delay")
    found = replay.explain(store, "flights", "p-0-0-3")
    row = table.slice(3, 1).to_pylist()[0]
    assert found.score == row["score"]
    assert found.method == "linear"
    assert found.values == {"distance": row["f.distance"], "hour": row["f.hour"]}
    assert found.contributions["hour"] == pytest.approx(0.05 * (row["f.hour"] - 9.5), abs=1e-9)
    assert found.base + sum(found.contributions.values()) == pytest.approx(found.margin, abs=1e-9)
    assert 1 / (1 + np.exp(-found.margin)) == pytest.approx(found.score, abs=1e-12)
    with pytest.raises(NotFound):
        replay.explain(store, "flights", "p-none")


def test_a_score_that_the_bundle_does_not_give_is_not_explained(store: Store) -> None:
    document = production.start(store)
    table = production.traffic(store, document, 5, day=0).table
    score = np.nextafter(table["score"].to_numpy(), 1.0)
    production.send(store, table.set_column(10, "score", pa.array(score)), "s1")
    compaction.compact(store, "flights", "delay")
    with pytest.raises(Conflict):
        replay.explain(store, "flights", "p-0-0-0")


def test_a_prediction_is_read_with_its_features_and_outcome(store: Store, clock: object) -> None:
    document = production.start(store)
    day = production.traffic(store, document, 5, day=-5)
    production.send(store, day.table, "s1")
    actions.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(day))
    compaction.compact(store, "flights", "delay")
    found = replay.get(store, "flights", "p-0--5-0")
    assert len(found) == 1
    assert found[0].outcome == day.late[0]
    assert isinstance(found[0].features["hour"], int)
    assert found[0].features["distance"] == day.table["f.distance"][0].as_py()


def test_missing_shadow_twins_are_scored_from_the_log(store: Store) -> None:
    document = production.start(store, challenger=-0.5)
    day = production.traffic(store, document, 80, day=0)
    complete = day.table.sort_by([("prediction_id", "ascending"), ("role", "ascending")])
    kept = pc.or_(pc.equal(day.table["role"], "champion"), pc.less(day.table["prediction_id"], "p-0-0-3"))
    production.send(store, day.table.filter(kept), "s1")
    compaction.compact(store, "flights", "delay")
    query = window.Query(model="delay", endpoint="delay", from_us=0, to_us=2**62, as_of_us=0)
    missing = 160 - int(pc.sum(kept).as_py())
    assert missing > 0
    assert shadows.back_fill(store, "flights", query, lambda *_: None) == missing
    assert shadows.back_fill(store, "flights", query, lambda *_: None) == 0
    found = whole(store).sort_by([("prediction_id", "ascending"), ("role", "ascending")])
    for name in complete.column_names:
        assert found[name].cast(complete[name].type).to_pylist() == complete[name].to_pylist(), name
    late = day.table.filter(pc.invert(kept))
    production.send(store, late, "s2")
    assert compaction.compact(store, "flights", "delay")["predictions"] == 0
