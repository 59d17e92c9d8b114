"""Tables of contributions, a column a feature: whether features now matter more or less for the scores."""

from collections.abc import Sequence

import numpy

from podium.cli.check import pairs
from podium.cli.check import source as sources
from podium.core.errors import Invalid
from podium.measures import rows
from podium.measures.comparison import numeric
from podium.measures.comparison.finding import Finding, Measure, Rule
from podium.measures.explanation import contribution_drift
from podium.measures.sketch import arrow


def findings(before: sources.Source, now: sources.Source, names: Sequence[str], rule: Rule) -> list[Finding]:
    """A finding for each feature whose share of all contributions moved enough to matter, else one that none did.

    Raises `Invalid` when fewer than two rows or no numeric columns are on both sides.
    """
    features = [name for name in names if arrow.kind(before.types[name]) is arrow.kind(now.types[name])]
    features = [name for name in features if arrow.kind(now.types[name]) is arrow.Kind.NUMERIC]
    if not features or min(before.rows, now.rows) < 2:
        raise Invalid("There are no contributions to compare.", field="--explanations", fix="Give numbers by feature.")
    old, new = ({name: _known(side, name) for name in features} for side in (before, now))
    shifts = contribution_drift.contribution_drift(old, new)
    enough = min(before.rows, now.rows) >= rule.min_rows
    made = [_finding(each, rule, enough=enough) for each in shifts]
    large = [each for each in made if (each.effect or 0.0) >= rule.explanation]
    return large or made[:1]


def _known(side: sources.Source, name: str) -> rows.Numbers:
    values = arrow.numbers(pairs.whole(side, name))
    return numpy.where(numpy.isfinite(values), values, 0.0)


def _finding(each: contribution_drift.Shift, rule: Rule, *, enough: bool) -> Finding:
    moved = abs(each.share_now - each.share_before)
    way = "more" if each.share_now > each.share_before else "less"
    shares = f"{numeric.share(each.share_before)} → {numeric.share(each.share_now)}"
    return Finding(
        column=None,
        measure=Measure.EXPLANATION,
        effect=moved,
        floor=rule.explanation,
        p_value=each.p_value,
        said=f"{each.feature} matters {way} for the scores: {shares} of what all features add",
        enough=enough,
    )
