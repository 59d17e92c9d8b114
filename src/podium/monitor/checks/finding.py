"""A check before it is kept, and which of a window's checks are broken. Pure."""

import msgspec

from podium.core.check import CheckKind, CheckState
from podium.measures.drift import discoveries

FALSE_DISCOVERIES = 0.01
"""At most this share of the columns called broken in a window is so by chance."""


_APART = frozenset({"constant", "contribution", "outcome_psi", "pattern", "told_apart"})
"""Measures whose tests say nothing of whether the others' columns moved."""
APART = 0.1
"""Each of those is held to this part of the rate, so that many rules together do not alarm on nothing."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check before it has an id: `limit` is in the unit of `value`."""

    kind: CheckKind
    measure: str
    column: str | None
    value: float | None
    reference: float | None
    limit: float
    rows: int
    over: bool
    """The limit is broken, chance or not."""
    p_value: float | None = None
    """How likely by chance; None where the interval already says."""
    low: float | None = None
    high: float | None = None
    enough: bool = True
    weight: float | None = None
    """The share of the feature in the model's scores, where that is known."""
    said: str = ""
    """What changed, in words from the data."""


def judged(  # noqa: PLR0913 - a finding has that many sides
    kind: CheckKind,
    measure: str,
    column: str | None,
    *,
    value: float | None,
    limit: float,
    rows: int,
    p_value: float | None = None,
    reference: float = 0.0,
    weight: float | None = None,
    said: str = "",
) -> Finding:
    """A figure against the limit that it may not exceed; without a figure there is not enough data."""
    return Finding(
        kind=kind,
        measure=measure,
        column=column,
        value=value,
        reference=reference,
        limit=limit,
        rows=rows,
        over=value is not None and value > limit,
        p_value=p_value,
        enough=value is not None,
        weight=weight,
        said=said,
    )


def states(findings: list[Finding], rate: float = FALSE_DISCOVERIES) -> list[CheckState]:
    """The state of each finding: broken only if over its limit and, among all columns at once, no chance finding.

    `rate`: of false discoveries.

    Findings with p-values are controlled together, those of a rule that stands apart by themselves, so that asking for
    it changes no other; those of outcomes rest on their own interval.
    """
    chance: set[int] = set()
    for family in {_family(each) for each in findings}:
        tested = [
            place
            for place, each in enumerate(findings)
            if each.enough and each.p_value is not None and _family(each) == family
        ]
        allowed = APART * rate if family else rate
        believed = discoveries.discoveries([findings[place].p_value or 0.0 for place in tested], allowed)
        chance |= {place for place, sure in zip(tested, believed, strict=True) if not sure}
    return [_state(each, chance=place in chance) for place, each in enumerate(findings)]


def _family(finding: Finding) -> str:
    return finding.measure if finding.measure in _APART else ""


def _state(finding: Finding, *, chance: bool) -> CheckState:
    if not finding.enough:
        return CheckState.NOT_ENOUGH_DATA
    return CheckState.BROKEN if finding.over and not chance else CheckState.OK
