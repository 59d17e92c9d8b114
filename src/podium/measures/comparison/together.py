"""All columns at once: which findings to believe, how the rows as wholes moved, and the worst first."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy

from podium.core import time
from podium.measures.comparison import categorical, figures, numeric
from podium.measures.comparison.finding import Column, Finding, Measure, Rule, State
from podium.measures.drift import discoveries, domain_classifier, reconstruction, standard
from podium.measures.sketch import arrow, table


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A table compared with its reference, the worst columns first."""

    state: State
    rows_before: int
    rows_now: int
    alarms: int
    """Columns with an alarm, and findings on the table as a whole."""
    columns: tuple[Column, ...]
    whole: tuple[Finding, ...]
    """Findings on the table as a whole, and the state of each."""
    whole_states: tuple[State, ...]
    performance: figures.Performance | None = None
    """Where outcomes and predictions are known."""


def compare(
    before: table.TableReference,
    now: table.TableSummary,
    rule: Rule,
    roles: Mapping[str, str] | None = None,
    whole: Sequence[Finding] = (),
    performance: figures.Performance | None = None,
) -> Comparison:
    """Compare each column of the reference with the summary; `roles`: what to call a column instead of its kind.

    `whole`: findings on the table as a whole, which are judged with the others; `performance` is handed on.
    """
    looked = [_column(each, now.find(each.name), (before.rows, now.rows), rule) for each in before.columns]
    every = [finding for _, found in looked for finding in found] + list(whole)
    judged = states(every, rule)
    columns, place = [], 0
    for (measures, found), reference in zip(looked, before.columns, strict=True):
        mine = judged[place : place + len(found)]
        place += len(found)
        kind = (roles or {}).get(reference.name, reference.kind.value)
        columns.append(_made(reference, now.find(reference.name), kind, measures, (found, mine)))
    rest = judged[place:]
    ordered = sorted(columns, key=lambda each: (_ORDER[each.state], -each.effect, each.column))
    alarms = sum(each.state is State.ALARM for each in columns) + sum(each is State.ALARM for each in rest)
    return Comparison(
        state=_worst([*(each.state for each in columns), *rest]),
        rows_before=before.rows,
        rows_now=now.rows,
        alarms=alarms,
        columns=tuple(ordered),
        whole=tuple(whole),
        whole_states=tuple(rest),
        performance=performance,
    )


_SIDES = ("before", "now")
_ORDER = {State.ALARM: 0, State.NOT_ENOUGH_DATA: 2, State.OK: 1}


def states(findings: Sequence[Finding], rule: Rule) -> list[State]:
    """The state of each finding: an alarm only if its effect reaches the floor and its measure's chance is believed.

    >>> one = Finding(column="a", measure=Measure.DRIFT, effect=0.2, floor=0.05, p_value=1e-9, said="")
    >>> small = msgspec.structs.replace(one, effect=0.01)
    >>> chance = msgspec.structs.replace(one, p_value=0.04)
    >>> [each.value for each in states([one, small, chance], Rule())]
    ['alarm', 'ok', 'ok']
    """
    believed: set[int] = set()
    for measure in Measure:
        tested = [
            place
            for place, each in enumerate(findings)
            if each.measure is measure and each.enough and each.p_value is not None
        ]
        chances = [findings[place].p_value or 0.0 for place in tested]
        sure = discoveries.discoveries(chances, rule.rate(measure))
        believed |= {place for place, yes in zip(tested, sure, strict=True) if yes}
    return [_state(each, place in believed or each.p_value is None) for place, each in enumerate(findings)]


def _state(finding: Finding, sure: bool) -> State:  # noqa: FBT001
    if not finding.enough or finding.effect is None:
        return State.NOT_ENOUGH_DATA
    return State.ALARM if sure and finding.effect >= finding.floor else State.OK


def patterns(
    before: table.TableReference,
    now: standard.Matrix,
    old: standard.Matrix | None,
    columns: tuple[str, ...],
    rule: Rule,
    random: numpy.random.Generator,
) -> list[Finding]:
    """Findings on rows as wholes: from `now`, a sample of numeric `columns`, and `old`, the reference's, if at hand.

    `now` and `old`: shape [rows, columns]. With fewer rows than the rule asks for on either side: not enough data.
    """
    made, enough = [], min(before.rows, len(now)) >= rule.min_rows
    if before.pattern is not None and before.pattern.columns == columns:
        changed = reconstruction.change(before.pattern, now)
        if changed is not None:
            made.append(
                Finding(
                    column=None,
                    measure=Measure.PATTERN,
                    effect=abs(changed.value),
                    floor=rule.pattern,
                    p_value=changed.p_value,
                    said=f"how columns move together: distance from their pattern {changed.value:+.0%}",
                    enough=enough,
                )
            )
    apart = None if old is None else domain_classifier.domain_classifier(old, now, random)
    if apart is not None:
        most = sorted(zip(apart.weights, columns, strict=True), key=lambda each: -abs(each[0]))[:3]
        made.append(
            Finding(
                column=None,
                measure=Measure.APART,
                effect=max(0.0, apart.auc - 0.5),
                floor=rule.apart,
                p_value=apart.p_value,
                said=f"telling rows of both apart: AUC {apart.auc:.2f}, most by {', '.join(name for _, name in most)}",
                enough=enough,
            )
        )
    return made


def _column(
    before: table.ColumnReference, now: table.ColumnSummary | None, rows: tuple[int, int], rule: Rule
) -> tuple[dict[str, float], list[Finding]]:
    if now is None:
        return {}, [_certain(before.name, Measure.ABSENT, "the column is gone")]
    if before.numeric is not None and now.numeric is not None:
        return numeric.findings(before.name, before.numeric, now.numeric, now.quantiles, rule)
    if before.category is not None and now.category is not None:
        found, made = categorical.findings(before.name, before.category, now.category, rule)
        return found, made if before.kind is arrow.Kind.CATEGORY else made[1:2]
    if before.kind is not now.kind and arrow.Kind.EMPTY not in (before.kind, now.kind):
        return {}, [_certain(before.name, Measure.TYPE, f"{before.type} → {now.type}")]
    if before.nulls is not None and now.nulls is not None:
        sides = (before.nulls, rows[0]), (now.nulls, rows[1])
        shares = {f"missing_{when}": nulls / all_ for when, (nulls, all_) in zip(_SIDES, sides, strict=True) if all_}
        return shares, [numeric.missing(before.name, *sides, rule)]
    return {}, []


def _certain(name: str, measure: Measure, said: str) -> Finding:
    return Finding(column=name, measure=measure, effect=1.0, floor=0.0, p_value=None, said=said)


def _made(
    before: table.ColumnReference,
    now: table.ColumnSummary | None,
    kind: str,
    measures: dict[str, float],
    found: tuple[list[Finding], list[State]],
) -> Column:
    findings, judged = found
    alarming = [each for each, state in zip(findings, judged, strict=True) if state is State.ALARM]
    counted = alarming or [each for each in findings if each.measure is Measure.DRIFT]
    said = [each.said for each in alarming] if alarming else [_quiet(before, now, findings)]
    return Column(
        column=before.name,
        kind=kind,
        state=_worst(judged),
        measures=measures,
        findings=tuple(findings),
        states=tuple(judged),
        effect=max((_times(each) for each in counted), default=0.0),
        before=_shown(before),
        now="" if now is None else _shown(now),
        note="; ".join(each for each in said if each),
    )


def _quiet(before: table.ColumnReference, now: table.ColumnSummary | None, findings: Sequence[Finding]) -> str:
    """What to say of a column without an alarm."""
    if before.kind is arrow.Kind.OTHER:
        return f"only nulls are compared: {before.type}"
    if before.kind is arrow.Kind.TIME and before.last_us is not None and now is not None and now.last_us is not None:
        return f"newest {_shown(before)} → {_shown(now)}"
    return findings[0].said if findings else ""


def _times(finding: Finding) -> float:
    return 0.0 if finding.effect is None else finding.effect / finding.floor if finding.floor else 1e6


def _worst(judged: Sequence[State]) -> State:
    """An alarm if any; not enough data if that is so of the first, which is drift."""
    if State.ALARM in judged:
        return State.ALARM
    return State.NOT_ENOUGH_DATA if judged and judged[0] is State.NOT_ENOUGH_DATA else State.OK


def _shown(side: table.ColumnReference | table.ColumnSummary) -> str:
    if side.numeric is not None and side.numeric.mean is not None:
        return numeric.number(side.numeric.mean)
    if side.category is not None and side.category.counts:
        most = max(side.category.counts.items(), key=lambda each: each[1])
        return most[0][:24]
    return "" if side.last_us is None else time.from_us(side.last_us).strftime("%Y-%m-%d %H:%M")
