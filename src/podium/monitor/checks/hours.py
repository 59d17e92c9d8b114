"""Stored hours and days of what a version saw and scored: renewed where something came late, merged into a window."""

from collections.abc import Iterator, Mapping

import numpy
import pyarrow
import pyarrow.compute
from sqlalchemy import Connection

from podium.core import window
from podium.monitor.checks import labels, parts, summaries
from podium.monitor.checks import store as rows
from podium.monitor.checks.summary import Summary
from podium.store.store import Store

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_HOURS_STAY = 31 * _DAY
"""How long before a window, and before the older rows whose outcomes it judges, hours are kept beside their days."""
_ODD = numpy.uint64(0x9E3779B97F4A7C15)


def of_window(store: Store, subject: summaries.Subject, span: window.Window, scored: pyarrow.Table) -> Summary:
    """The summary of a window: its whole hours and days are renewed and merged, its ends are made from their rows.

    `scored`: the version's rows of the window with outcomes known at its end (no features), by time.
    """
    renew(store, subject, span, scored)
    found = merged(store, subject, span)
    made = [_make(store, subject, each, scored, span.end_us) for each in _around(span, _whole(span, _HOUR))]
    known = made if found is None else [found, *made]
    return parts.unpack(parts.merge(known or [summaries.pack(subject, scored, scored, span.end_us)]), subject.reference)


def merged(store: Store, subject: summaries.Subject, span: window.Window) -> parts.Part | None:
    """What is stored of the whole hours of a time, merged. None where nothing is stored."""
    with store.read() as connection:
        found = read(connection, subject.address, span)
    return parts.merge(found) if found else None


def read(connection: Connection, whose: rows.Address, span: window.Window) -> list[parts.Part]:
    """What is stored of the whole hours of a time: days where they are whole, hours around them."""
    hours, days = _whole(span, _HOUR), _whole(span, _DAY)
    if hours is None:
        return []
    asked = [(rows.DAY, days)] if days is not None else []
    asked += [(rows.HOUR, each) for each in _around(hours, days)]
    return [
        parts.decode(body) for length, each in asked for _, body in rows.read_summaries(connection, whose, length, each)
    ]


def renew(
    store: Store, subject: summaries.Subject, span: window.Window, scored: pyarrow.Table, as_of_us: int | None = None
) -> int:
    """Bring the stored summaries of the whole hours and days of a time up to date; how many hours changed.

    `scored`: as for `of_window`, with the outcomes known at an instant (by default, the end). The log only grows: an
    hour with as many rows and the same outcomes and decisions has not changed; one with as many rows and others gets
    only its outcomes anew; nothing else is touched.
    """
    hours, days = _whole(span, _HOUR), _whole(span, _DAY)
    if hours is None:
        return 0
    seen = _states(scored, hours)
    stale = _stale_days(store, subject, days, seen)
    looked = [*(window.Window(day, day + _DAY) for day in stale), *_around(hours, days)]
    made: dict[int, tuple[rows.Kept, parts.Part]] = {}
    for each in looked:
        mine = {at: one for at, one in seen.items() if _within(at, each)}
        made |= _renewed(store, subject, each, scored, mine, span.end_us if as_of_us is None else as_of_us)
    if made or stale:
        _write(store, subject, span, stale, made)
    return len(made)


def _states(scored: pyarrow.Table, span: window.Window) -> dict[int, tuple[int, int]]:
    """By the start of each hour with rows: how many, and the stamp of their outcomes."""
    at = summaries.instants(scored)
    first, end = numpy.searchsorted(at, [span.start_us, span.end_us])
    hour = at[first:end] // _HOUR * _HOUR
    stamps = _stamps(scored.slice(first, end - first))
    starts, places = numpy.unique(hour, return_index=True)
    counts = numpy.diff([*places, hour.size])
    sums = numpy.add.reduceat(stamps, places) if starts.size else stamps
    return {
        start: (count, stamp)
        for start, count, stamp in zip(starts.tolist(), counts.tolist(), sums.view(numpy.int64).tolist(), strict=True)
    }


def _stamps(scored: pyarrow.Table) -> numpy.typing.NDArray[numpy.uint64]:
    """A number for each row of all that its loss depends on, and of when its outcome came; 0 without an outcome.

    Numbers of rows are added up, so what belongs to a row is mixed before: two rows that change places are a change.
    """
    parts_of_row = (
        summaries.numbers(scored.column("score")).view(numpy.uint64),
        summaries.numbers(scored.column("outcome")).view(numpy.uint64),
        scored.column("outcome_at").cast(pyarrow.int64()).fill_null(0).to_numpy().astype(numpy.uint64),
        numpy.nan_to_num(summaries.numbers(scored.column("decision")), nan=2.0).astype(numpy.uint64),
    )
    mixed = numpy.zeros(scored.num_rows, dtype=numpy.uint64)
    for each in parts_of_row:
        mixed = (mixed ^ each) * _ODD
        mixed ^= mixed >> numpy.uint64(29)
    return numpy.where(scored.column("outcome").is_valid().to_numpy(), mixed, numpy.uint64(0))


def _stale_days(
    store: Store, subject: summaries.Subject, days: window.Window | None, seen: Mapping[int, tuple[int, int]]
) -> list[int]:
    """The whole days whose stored summary is not that of their rows."""
    if days is None:
        return []
    now: dict[int, tuple[int, int]] = {}
    for at, (count, stamp) in seen.items():
        if _within(at, days):
            before = now.get(at // _DAY * _DAY, (0, 0))
            now[at // _DAY * _DAY] = (before[0] + count, _wrapped(before[1] + stamp))
    with store.read() as connection:
        kept = rows.find_summaries(connection, subject.address, rows.DAY, days)
    known = {each.start_us: (each.rows, each.stamp) for each in kept}
    return sorted(day for day, one in now.items() if known.get(day) != one)


def _renewed(
    store: Store,
    subject: summaries.Subject,
    span: window.Window,
    scored: pyarrow.Table,
    seen: Mapping[int, tuple[int, int]],
    as_of_us: int,
) -> dict[int, tuple[rows.Kept, parts.Part]]:
    """The hours of a time that changed, anew."""
    with store.read() as connection:
        kept = {each.start_us: each for each in rows.find_summaries(connection, subject.address, rows.HOUR, span)}
        changed = {at for at, one in seen.items() if at not in kept or (kept[at].rows, kept[at].stamp) != one}
        bodies = {
            at: body
            for at, body in (rows.read_summaries(connection, subject.address, rows.HOUR, span) if changed else ())
            if at in changed and kept[at].rows == seen[at][0]
        }
    made = {}
    fresh = sorted(changed - bodies.keys())
    features = _features(store, subject, fresh) if fresh else scored
    for at in sorted(changed):
        hour = window.Window(at, at + _HOUR)
        mine = summaries.between(scored, hour)
        if at in bodies:
            part = parts.with_labels(parts.decode(bodies[at]), summaries.labelled(mine, subject), as_of_us)
        else:
            part = summaries.pack(subject, mine, summaries.between(features, hour), as_of_us)
        made[at] = (rows.Kept(hours=rows.HOUR, start_us=at, rows=seen[at][0], stamp=seen[at][1]), part)
    return made


def _write(
    store: Store,
    subject: summaries.Subject,
    span: window.Window,
    stale: list[int],
    made: Mapping[int, tuple[rows.Kept, parts.Part]],
) -> None:
    """Keep the hours that changed, and the days that are their merge."""
    address = subject.address
    with store.plumbing() as connection:
        rows.keep_summaries(connection, address, [(each, parts.encode(part)) for each, part in made.values()])
        days = []
        for day in stale:
            whole = window.Window(day, day + _DAY)
            kept = rows.find_summaries(connection, address, rows.HOUR, whole)
            bodies = rows.read_summaries(connection, address, rows.HOUR, whole)
            count, stamp = sum(each.rows for each in kept), _wrapped(sum(each.stamp or 0 for each in kept))
            part = parts.merge([parts.decode(body) for _, body in bodies])
            days.append((rows.Kept(hours=rows.DAY, start_us=day, rows=count, stamp=stamp), parts.encode(part)))
        rows.keep_summaries(connection, address, days)
        rows.forget_hours(connection, address, span.start_us - labels.window_us(subject.model.spec) - _HOURS_STAY)


def _make(
    store: Store, subject: summaries.Subject, span: window.Window, scored: pyarrow.Table, as_of_us: int
) -> parts.Part:
    """The part of any time, from its rows."""
    mine = summaries.between(scored, span)
    return summaries.pack(subject, mine, summaries.read(store, subject, span) if mine.num_rows else mine, as_of_us)


def _features(store: Store, subject: summaries.Subject, hours: list[int]) -> pyarrow.Table:
    """The rows of some hours with their features, by time; hours that follow each other are read at once."""
    runs: list[window.Window] = []
    for at in hours:
        if runs and runs[-1].end_us == at:
            runs[-1] = window.Window(runs[-1].start_us, at + _HOUR)
        else:
            runs.append(window.Window(at, at + _HOUR))
    return pyarrow.concat_tables([summaries.read(store, subject, each) for each in runs])


def _whole(span: window.Window, length_us: int) -> window.Window | None:
    """The whole hours (or days, of UTC) of a time."""
    start, end = -(-span.start_us // length_us) * length_us, span.end_us // length_us * length_us
    return window.Window(start, end) if start < end else None


def _around(outer: window.Window, inner: window.Window | None) -> Iterator[window.Window]:
    """What of a time lies before and after a part of it."""
    if inner is None:
        yield outer
        return
    for start, end in ((outer.start_us, inner.start_us), (inner.end_us, outer.end_us)):
        if start < end:
            yield window.Window(start, end)


def _within(at_us: int, span: window.Window) -> bool:
    return span.start_us <= at_us < span.end_us


def _wrapped(stamp: int) -> int:
    """A sum of stamps as 64 bits with sign, as arrays add them up."""
    return (stamp + 2**63) % 2**64 - 2**63
