"""The check itself: read or make the reference, summarise what is now, compare."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy

from podium.cli.check import asked as asks
from podium.cli.check import scan
from podium.cli.check import source as sources
from podium.core import name as names_of
from podium.core import time
from podium.core.errors import Invalid, NotFound
from podium.measures.comparison import figures, together
from podium.measures.comparison.finding import Finding, Measure, Rule
from podium.measures.quality import duplicates, freshness
from podium.measures.sketch import arrow, table
from podium.store import clock

if TYPE_CHECKING:
    from podium.cli.check import performance as performances
    from podium.core import run as runs

_SEED = 20_130_301
"""Of the classifier's halves, so that the same data gives the same answer."""
Heard = Callable[[float, str | None], None]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `comparison` is None when there was nothing to compare."""

    asked: asks.Asked
    reference: table.TableReference
    summary: table.TableSummary | None = None
    comparison: together.Comparison | None = None
    extra: tuple[str, ...] = ()
    """Columns that the reference does not know."""


class Before(msgspec.Struct, frozen=True):
    """The reference, and the rows it was found on unless it was stored."""

    reference: table.TableReference
    sample: scan.Sample | None


def run(asked: asks.Asked, heard: Heard) -> Done:
    """Do what was asked; raises `Invalid` or `NotFound` when the input is not as it must be."""
    asks.sensible(asked)
    share = 0.5 if asked.current and not asked.reference.endswith(asks.STORED) else 1.0
    before = _before(asked, lambda part: heard(part * share, "Reading the reference"))
    if asked.save_reference:
        _save(before.reference, asked.save_reference)
    if not asked.current:
        return Done(asked=asked, reference=before.reference)
    base = share if share < 1.0 else 0.0
    with sources.Source(sources.find(asked.current, "CURRENT")) as source:
        known = [each.name for each in before.reference.columns]
        _all_there(asked, before.reference, source)
        names = [name for name in known if name in source.types]
        summary, sample = scan.summary(
            source,
            before.reference,
            names,
            lambda part: heard(base + part * (1 - base), "Reading what is now"),
            asked.threads or os.cpu_count() or 1,
        )
        different = scan.different(source, asked.key) if asked.key else None
        extra = tuple(name for name in source.types if name not in known and asks.wanted(asked, name))
        skew = _skew(asked, source, names) if asked.skew else []
        skew += _explained(asked, source, names) if asked.explanations else []
        performance = _performance(asked, source, names, before.reference) if asked.judged else None
    whole = [*skew, *_keys(asked, before.reference, summary.rows, different), *_age(asked, summary)]
    whole += patterns(before, sample, asked.rule) if summary.rows else [_no_rows()]
    if performance is not None:
        whole = [*_fallen(performance, asked.rule), *whole]
    comparison = together.compare(before.reference, summary, asked.rule, asked.roles, whole, performance)
    return Done(asked=asked, reference=before.reference, summary=summary, comparison=comparison, extra=extra)


def _named_columns(asked: asks.Asked) -> "performances.Named":
    from podium.cli.check import performance as performances

    return performances.Named(asked.target, asked.prediction, asked.groups, asked.slices)


def _figures(asked: asks.Asked, source: sources.Source) -> "dict[str, runs.Interval]":
    from podium.cli.check import performance as performances

    return performances.before(source, _named_columns(asked))


def _performance(
    asked: asks.Asked, source: sources.Source, names: list[str], before: table.TableReference
) -> figures.Performance | None:
    """How good the predictions are; None when there are no rows."""
    from podium.cli.check import performance as performances

    for option, named in (("--groups", asked.groups), ("--slices", asked.slices)):
        for wrong in (name for name in named if name not in source.types):
            raise Invalid("There is no such column.", field=option, fix=names_of.nearest(wrong, source.types))
    features = [name for name in names if name not in asked.roles]
    return performances.look(source, _named_columns(asked), features, before.figures) if source.rows else None


def _fallen(performance: figures.Performance, rule: Rule) -> list[Finding]:
    from podium.measures.comparison import outcomes

    return outcomes.findings(performance.figures, performance.task, rule)


def _save(reference: table.TableReference, path: str) -> None:
    try:
        Path(path).write_bytes(msgspec.json.encode(reference))
    except OSError:
        raise Invalid("This file cannot be written.", field="--save-reference") from None


def _no_rows() -> Finding:
    """A feed that stopped must not pass as too little data to judge."""
    return Finding(column=None, measure=Measure.ABSENT, effect=1.0, floor=0.0, p_value=None, said="there are no rows")


def _skew(asked: asks.Asked, now: sources.Source, names: list[str]) -> list[Finding]:
    from podium.cli.check import pairs

    with sources.Source(sources.find(asked.reference, "REFERENCE")) as before:
        return pairs.findings(before, now, asked.key, names, asked.rule)


def _explained(asked: asks.Asked, now: sources.Source, names: list[str]) -> list[Finding]:
    from podium.cli.check import explanations

    with sources.Source(sources.find(asked.reference, "REFERENCE")) as before:
        return explanations.findings(before, now, names, asked.rule)


def _before(asked: asks.Asked, heard: Callable[[float], None]) -> Before:
    if asked.reference.endswith(asks.STORED):
        return Before(_narrowed(asked, _stored(asked.reference)), None)
    with sources.Source(sources.find(asked.reference, "REFERENCE")) as source:
        asks.named(asked, set(source.types))
        _rows_and_key(asked, source)
        names = [name for name in source.types if asks.wanted(asked, name)]
        if not names:
            raise Invalid("No column is left to compare.", field="--columns")
        together_ = [
            name for name in names if arrow.kind(source.types[name]) is arrow.Kind.NUMERIC and name not in asked.roles
        ]
        made, sample = scan.reference(source, names, together_, heard, asked.threads or os.cpu_count() or 1)
        different = scan.different(source, asked.key) if asked.key else None
        known = _figures(asked, source) if asked.judged else {}
    return Before(msgspec.structs.replace(made, different_keys=different, figures=known), sample)


def _stored(path: str) -> table.TableReference:
    try:
        made = msgspec.json.decode(Path(path).read_bytes(), type=table.TableReference)
    except FileNotFoundError:
        raise NotFound("There is no such file.", field="REFERENCE") from None
    except (msgspec.DecodeError, OSError):
        raise Invalid("This is not a stored reference.", field="REFERENCE", fix="Make one: --save-reference.") from None
    if made.format != table.FORMAT:
        raise Invalid("This reference was stored in another format.", field="REFERENCE", fix="Store it again.")
    return made


def _narrowed(asked: asks.Asked, made: table.TableReference) -> table.TableReference:
    asks.named(asked, {each.name for each in made.columns})
    columns = tuple(each for each in made.columns if asks.wanted(asked, each.name))
    if not columns:
        raise Invalid("No column is left to compare.", field="--columns")
    return msgspec.structs.replace(made, columns=columns)


def _rows_and_key(asked: asks.Asked, source: sources.Source) -> None:
    if not source.rows:
        raise Invalid("The reference has no rows.", field="REFERENCE", fix="Is it complete?")
    if asked.key and asked.key not in source.types:
        raise Invalid("The reference has no such column.", field="--key", fix=names_of.nearest(asked.key, source.types))


def _all_there(asked: asks.Asked, before: table.TableReference, source: sources.Source) -> None:
    if asked.key and asked.key not in source.types:
        raise Invalid("There is no such column.", field="--key", fix=names_of.nearest(asked.key, source.types))
    if not any(each.name in source.types for each in before.columns):
        raise Invalid("Not one column of the reference is there.", field="CURRENT", fix="Is it another table?")


def _keys(asked: asks.Asked, before: table.TableReference, rows: int, different: int | None) -> list[Finding]:
    if different is None:
        return []
    now = duplicates.duplicates(rows, different)
    known = before.different_keys
    old = duplicates.duplicates(before.rows, known) if known is not None else None
    floor = (old or 0.0) + 1e-9
    said = f"{asked.key}: {now or 0.0:.2%} of rows repeat a key"
    if old is not None:
        said += f", {old:.2%} in the reference"
    return [Finding(column=None, measure=Measure.KEYS, effect=now, floor=floor, p_value=None, said=said)]


def _age(asked: asks.Asked, summary: table.TableSummary) -> list[Finding]:
    if not asked.max_age:
        return []
    limit = time.parse_duration(asked.max_age, "--max-age").total_seconds()
    found = summary.find(asked.time)
    age = freshness.freshness(found.last_us if found else None, time.to_us(clock.system()()))
    if age is None:
        raise Invalid("The column holds no instants.", field="--time")
    days = age / 86_400e6
    return [
        Finding(
            column=None,
            measure=Measure.AGE,
            effect=max(0.0, age / 1e6),
            floor=limit,
            p_value=None,
            said=f"{asked.time}: the newest row is {days:,.1f} days old",
        )
    ]


def patterns(before: Before, now: scan.Sample, rule: Rule) -> list[Finding]:
    """Findings on rows as wholes, from the samples of both sides."""
    pattern = before.reference.pattern
    if pattern is None or any(name not in now.numbers for name in pattern.columns):
        return []
    names = pattern.columns
    old = None if before.sample is None else before.sample.matrix(names)
    random = numpy.random.default_rng(_SEED)
    return together.patterns(before.reference, now.matrix(names), old, names, rule, random)
