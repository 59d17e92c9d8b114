"""Hours and days that are stored: a window is their merge; what comes late changes its hour, and nothing else."""

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from podium.core import time, window
from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import actions, closing, cohort, hours, parts, summaries
from podium.monitor.checks import store as rows
from podium.monitor.intake import actions as intake
from podium.monitor.intake import compaction
from podium.store import migrate
from podium.store.store import Store
from tests import production
from tests.store import test_checks

_HOUR = production.DAY_US // 24


def span(first: float, last: float) -> window.Window:
    """From one day to another, counted from the first of traffic."""
    return window.Window(*(production.START_US + round(each * production.DAY_US) for each in (first, last)))


def subject_of(store: Store) -> summaries.Subject:
    owner = production.model_of(store)
    return summaries.Subject(
        project="flights",
        endpoint="delay",
        model=owner,
        version=1,
        reference=closing.reference_of(store, owner, 1),
    )


def look(store: Store, when: window.Window, as_of_us: int | None = None) -> tuple[summaries.Subject, pa.Table]:
    compaction.compact(store, "flights", "delay")
    subject = subject_of(store)
    return subject, cohort.read(store, subject, when, as_of_us or when.end_us)


def stored(store: Store) -> dict[tuple[int, int], bytes]:
    """The content of every stored hour and day, by length and start."""
    with store.read() as connection:
        found = connection.execute(sqlalchemy.select(rows.summaries)).all()
    return {(row.hours, row.start_us): row.body for row in found}


def log(store: Store, document: Any, days: int, rows_a_day: int = 96) -> list[production.Traffic]:
    made = [production.traffic(store, document, rows_a_day, day=day) for day in range(days)]
    for day, each in enumerate(made):
        production.send(store, each.table, f"day-{day}")
    return made


def tell(store: Store, part: production.Traffic, at_us: int) -> None:
    intake.receive_outcomes(store, production.SYSTEM, "delay", production.outcomes(part, at_us=at_us))


def some(day: production.Traffic, hour: int, values: Any = None) -> production.Traffic:
    """The rows of an hour, of four an hour."""
    late = day.late[hour * 4 : hour * 4 + 4] if values is None else values
    return production.Traffic(table=day.table.slice(hour * 4, 4), late=late)


@pytest.mark.parametrize(("first", "last"), [(0, 3), (0.26, 2.73), (1.01, 1.03), (0.5, 0.9), (2, 4)])
def test_a_window_is_the_merge_of_its_hours(store: Store, first: float, last: float) -> None:
    document = production.start(store)
    days = log(store, document, 3)
    tell(store, days[1], production.START_US + 2 * production.DAY_US)
    when = span(first, last)
    subject, scored = look(store, when)
    found = hours.of_window(store, subject, when, scored)
    table = pa.concat_tables([each.table for each in days])
    at = table["at"].cast(pa.int64()).to_numpy()
    mine = table.filter(pa.array((at >= when.start_us) & (at < when.end_us)))
    assert found.rows == mine.num_rows
    for name, before in subject.reference.numeric.items():
        once = histogram.numeric(mine[f"f.{name}"].to_numpy().astype(np.float64), before)
        assert found.numeric[name].counts == once.counts
        assert found.numeric[name].maximum == once.maximum
        assert found.numeric[name].total == pytest.approx(once.total)
    known = summaries.labelled(scored, subject)
    assert found.labels.positive == known.positive
    assert found.labels.negative == known.negative
    assert found.labels.mean("log_loss") == pytest.approx(known.mean("log_loss"))
    again = hours.of_window(store, subject, when, scored)
    assert again == found


def test_late_outcomes_and_corrections_change_their_hour_alone(store: Store) -> None:
    document = production.start(store)
    days = log(store, document, 3)
    tell(store, days[0], production.START_US + production.DAY_US)
    when = span(0, 3)
    subject, scored = look(store, when)
    assert hours.renew(store, subject, when, scored) == 72
    before = stored(store)
    assert hours.renew(store, subject, when, scored) == 0
    assert stored(store) == before

    tell(store, some(days[2], 7), when.end_us - 2)
    subject, scored = look(store, when)
    assert hours.renew(store, subject, when, scored) == 1
    late = stored(store)
    two = production.START_US + 2 * production.DAY_US
    assert {each for each in late if late[each] != before[each]} == {(rows.HOUR, two + 7 * _HOUR), (rows.DAY, two)}

    tell(store, some(days[0], 5, 1.0 - days[0].late[20:24]), when.end_us - 1)
    subject, scored = look(store, when)
    assert hours.renew(store, subject, when, scored) == 1
    corrected = stored(store)
    zero = production.START_US
    assert {each for each in late if late[each] != corrected[each]} == {(rows.HOUR, zero + 5 * _HOUR), (rows.DAY, zero)}
    truth = np.concatenate([days[0].late[:20], 1.0 - days[0].late[20:24], days[0].late[24:]])
    (day, *_) = actions.days(store, production.SYSTEM, "delay")
    assert day.positive_rate == truth.mean()
    assert day.matured == 96
    hour = parts.labels(parts.decode(corrected[rows.HOUR, zero + 5 * _HOUR]))
    assert sum(count for _, count in hour.positive) == (1.0 - days[0].late[20:24]).sum()


def test_outcomes_that_change_places_are_a_change(store: Store) -> None:
    document = production.start(store)
    (day,) = log(store, document, 1)
    when = span(0, 1)
    first = np.array([0.0, 1.0, 0.0, 1.0])
    tell(store, some(day, 2, first), when.end_us - 1)
    hours.renew(store, *asked(store, when))
    tell(store, some(day, 2, first[::-1]), when.end_us - 1)
    assert hours.renew(store, *asked(store, when)) == 1
    subject, _, scored = asked(store, when)
    known = summaries.labelled(scored, subject)
    (found,) = actions.days(store, production.SYSTEM, "delay")
    assert found.losses["log_loss"] == pytest.approx(known.mean("log_loss"), rel=1e-12)


def test_rows_that_come_late_make_their_hour_anew(store: Store) -> None:
    document = production.start(store)
    day = production.traffic(store, document, 96, day=0)
    production.send(store, day.table.slice(0, 90), "first")
    when = span(0, 1)
    hours.renew(store, *asked(store, when))
    production.send(store, day.table.slice(90), "second")
    assert hours.renew(store, *asked(store, when)) == 2
    (found,) = actions.days(store, production.SYSTEM, "delay")
    assert found.rows == 96
    assert found.means["distance"] == pytest.approx(day.table["f.distance"].to_numpy().mean())


def asked(store: Store, when: window.Window) -> tuple[summaries.Subject, window.Window, pa.Table]:
    subject, scored = look(store, when)
    return subject, when, scored


def test_hours_are_dropped_in_time_and_their_days_stay_right(store: Store) -> None:
    document = production.start(store)
    days = log(store, document, 2)
    early, later = span(0, 2), span(80, 81)
    hours.renew(store, *asked(store, early))
    late = production.traffic(store, document, 96, day=80)
    production.send(store, late.table, "late")
    hours.renew(store, *asked(store, later))
    assert {hours for hours, start in stored(store) if start < later.start_us} == {rows.DAY}
    tell(store, some(days[1], 3), later.end_us)
    subject, scored = look(store, early, later.end_us)
    found = hours.of_window(store, subject, early, scored)
    assert (found.rows, found.labels.rows) == (192, 4)
    assert [each.matured for each in actions.days(store, production.SYSTEM, "delay")] == [0, 4, 0]


def test_outcomes_that_come_within_the_label_window_reach_their_day(store: Store, clock: Any) -> None:
    monitor = {"min_rows": 10, "window": "1d", "label_window": "3d"}
    document = production.start(store, production.spec(monitor=monitor))
    days = log(store, document, 4)
    test_checks.run_job(store, set_to(clock, production.days([0])[0]))
    tell(store, days[0], production.days([2])[0])
    test_checks.run_job(store, set_to(clock, production.days([3])[0]))
    found = {each.day: each.matured for each in actions.days(store, production.SYSTEM, "delay")}
    assert found["2013-03-01"] == 96
    assert parts.decode(stored(store)[rows.DAY, production.START_US]).as_of_us == production.days([3])[0]


def set_to(clock: Any, at_us: int) -> int:
    clock.now = time.from_us(at_us)
    return at_us


def test_days_of_older_versions_are_shown_and_then_made_anew(store: Store) -> None:
    document = production.start(store)
    log(store, document, 2)
    when = span(0, 2)
    subject, scored = look(store, when)
    old = msgspec.structs.replace(
        hours.of_window(store, subject, span(0, 1), scored.slice(0, 96)),
        labels=score_labels.ScoreLabels(rows=3, sums={}),
    )
    with store.plumbing() as connection:
        connection.execute(sqlalchemy.delete(rows.summaries))
        kept = rows.Kept(hours=rows.DAY, start_us=when.start_us, rows=-1, stamp=None)
        rows.keep_summaries(connection, subject.address, [(kept, msgspec.json.encode(old))])
    (shown,) = actions.days(store, production.SYSTEM, "delay")
    assert (shown.rows, shown.matured, shown.mean_score) == (96, 3, old.score.mean)
    assert hours.renew(store, subject, when, scored) == 48
    assert [(each.rows, each.matured) for each in actions.days(store, production.SYSTEM, "delay")] == [(96, 0), (96, 0)]


def test_a_database_with_days_as_text_is_brought_over(database_url: str, make_store: Any) -> None:
    store = make_store(database_url)
    config = Config()
    config.set_main_option("script_location", str(migrate._HERE))
    with store.database.write() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0010_check_weight")
        connection.execute(
            sqlalchemy.text("INSERT INTO summaries VALUES ('flights', 'delay', 1, '2013-03-02', :body)"),
            {"body": '{"rows": 1, "é": 2}'},
        )
    migrate.upgrade(store.database)
    with store.read() as connection:
        (row,) = connection.execute(sqlalchemy.select(rows.summaries)).all()
    assert (row.hours, row.start_us, row.stamp) == (24, production.START_US + production.DAY_US, None)
    assert row.body == '{"rows": 1, "é": 2}'.encode()
