"""A numeric column compared: every measure of drift from both summaries, and what there is to say of it."""

import math

import numpy

from podium.core import reference
from podium.measures import cells
from podium.measures.comparison.finding import Finding, Measure, Rule
from podium.measures.drift import (
    hellinger,
    homogeneity,
    jensen_shannon,
    kolmogorov_smirnov,
    normal_scores,
    psi,
    rate,
    wander,
    wasserstein,
)
from podium.measures.quality import constant, missing_rate, out_of_range, unit
from podium.measures.sketch import histogram

SHIFT, SHAPE = 0.85, 0.15
"""How the chance of a false alarm is divided: most to the test of a shift, which is the most usual drift."""
_BEYOND = 12.0
"""So many times as far as quiet windows lie from each other a window must lie, that a small factor is another unit: one
that wanders along one direction does it in 5 of 10,000."""

Quantiles = tuple[float, float, float]


def measures(before: reference.NumericReference, now: histogram.NumericSketch) -> dict[str, float]:
    """Every measure by name. Indices over cells use ten, cut at the reference's deciles; the others all bins.

    `psi` (corrected), `jensen_shannon`, `hellinger`, `chi_square` and its `chi_square_p`; `ks` and `ks_p`; `shift_z`;
    `wasserstein` in deviations of the reference; `p_value` of drift; `mean_before` and `mean_now`; `missing_before` and
    `missing_now`; `out_of_range`. Those that cannot be computed are left out.
    """
    found: dict[str, float | None] = {
        "missing_before": missing_rate.missing_rate(before.nulls, before.nulls + sum(before.counts)),
        "missing_now": missing_rate.missing_rate(now.nulls + now.infinite, now.rows),
        "mean_before": before.mean,
        "mean_now": now.mean,
        "out_of_range": outside(before, now),
    }
    found |= _distances(before, now)
    return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}


def outside(before: reference.NumericReference, now: histogram.NumericSketch) -> float | None:
    """The share of values below or above all of the reference's; None where either side has none.

    >>> before = reference.NumericReference(edges=(1.0,), counts=(4, 4), nulls=0, minimum=0.0, maximum=3.0, mean=1.5,
    ...     deviation=1.0)
    >>> outside(before, histogram.numeric(numpy.array([2.0, 5.0]), before))
    0.5
    """
    known = sum(now.counts)
    return None if before.minimum is None or not known else (now.below + now.above) / known


def chance_outside(before: reference.NumericReference, now: histogram.NumericSketch, dispersion: float = 1.0) -> float:
    """How likely so many values lie beyond the reference's by chance: the surer side's, doubled, as there are two.

    Values of now count as count / `dispersion` independent ones.
    """
    new, old = max(1, int(sum(now.counts) / dispersion)), sum(before.counts)
    return min(1.0, 2 * min(out_of_range.chance(int(each / dispersion), new, old) for each in (now.below, now.above)))


def _distances(before: reference.NumericReference, now: histogram.NumericSketch) -> dict[str, float | None]:
    cell = cells.coarse(before.counts)
    old, new = cells.pool(before.counts, cell), cells.pool(now.counts, cell)
    gap = kolmogorov_smirnov.kolmogorov_smirnov(before.counts, now.counts)
    shift = normal_scores.normal_scores(before.counts, now.counts)
    alike = homogeneity.homogeneity(old, new)
    index = psi.psi(old, new)
    if gap is None or shift is None or alike is None or index is None:
        return {}
    return {
        "psi": index.value,
        "jensen_shannon": jensen_shannon.jensen_shannon(old, new),
        "hellinger": hellinger.hellinger(old, new),
        "chi_square": alike.statistic,
        "chi_square_p": alike.p_value,
        "ks": gap.value,
        "ks_p": gap.p_value,
        "shift_z": shift.z,
        "wasserstein": _moved(before, now),
        "p_value": min(1.0, shift.p_value / SHIFT, alike.exact_p_value / SHAPE),
    }


def _moved(before: reference.NumericReference, now: histogram.NumericSketch) -> float | None:
    if not before.deviation or not before.sums or not now.sums:
        return None
    sides = wasserstein.Side(before.counts, before.sums), wasserstein.Side(now.counts, now.sums)
    moved = wasserstein.wasserstein(numpy.array(before.edges), *sides)
    return None if moved is None else moved / before.deviation


def findings(
    name: str,
    before: reference.NumericReference,
    now: histogram.NumericSketch,
    quantiles: Quantiles | None,
    rule: Rule,
) -> tuple[dict[str, float], list[Finding]]:
    """The measures, and the findings on drift, missing values and the range."""
    found = measures(before, now)
    old, new = sum(before.counts), sum(now.counts)
    enough = min(old, new) >= rule.min_rows
    drift = Finding(
        column=name,
        measure=Measure.DRIFT,
        effect=found.get("ks"),
        floor=rule.effect,
        p_value=found.get("p_value"),
        said=said(before, now, quantiles),
        enough=enough,
    )
    made = [drift, missing(name, (before.nulls, before.nulls + old), (now.nulls + now.infinite, now.rows), rule)]
    if enough and now.below + now.above:
        made.append(_outside(name, before, now, rule))
    return found, made


def missing(name: str, before: tuple[int, int], now: tuple[int, int], rule: Rule) -> Finding:
    """The finding on missing values, from nulls and rows of both sides."""
    old, new = missing_rate.missing_rate(*before), missing_rate.missing_rate(*now)
    known = old is not None and new is not None
    return Finding(
        column=name,
        measure=Measure.MISSING,
        effect=abs(new - old) if old is not None and new is not None else None,
        floor=rule.missing,
        p_value=rate.rate(*before, *now) if known else None,
        said=f"missing {share(old or 0.0)} → {share(new or 0.0)}",
        enough=known and min(before[1], now[1]) >= rule.min_rows,
    )


def _outside(name: str, before: reference.NumericReference, now: histogram.NumericSketch, rule: Rule) -> Finding:
    new = sum(now.counts)
    sides = [(now.below, "below", before.minimum), (now.above, "above", before.maximum)]
    count, side, limit = max(sides, key=lambda each: each[0])
    return Finding(
        column=name,
        measure=Measure.RANGE,
        effect=outside(before, now),
        floor=rule.outside,
        p_value=chance_outside(before, now),
        said=f"{share(count / new)} {side} {number(limit or 0.0)}",
    )


def said(before: reference.NumericReference, now: histogram.NumericSketch, quantiles: Quantiles | None) -> str:
    """What changed, in words; with `quantiles` of now also whether the unit did.

    >>> before = reference.NumericReference(edges=(1.0,), counts=(4, 4), nulls=0, minimum=0.0, maximum=3.0, mean=1.5,
    ...     deviation=1.0)
    >>> now = histogram.numeric(numpy.array([2.0, 2.0]), before)
    >>> said(before, now, None)
    'always 2 now'
    """
    if constant.constant(now.minimum, now.maximum) and not constant.constant(before.minimum, before.maximum):
        return f"always {number(now.minimum or 0.0)} now"
    changed = unit.unit(reference_quantiles(before), quantiles) if quantiles and sum(before.counts) else None
    if changed is not None and not (changed.small and _usual(before, now)):
        return f"another unit? {changed.said}"
    if before.mean is None or now.mean is None:
        return ""
    return f"mean {number(before.mean)} → {number(now.mean)}"


def _usual(before: reference.NumericReference, now: histogram.NumericSketch) -> bool:
    """Whether quiet windows differ nearly as much by themselves: a share of late flights doubles in a bad week."""
    if before.dispersion <= 1.0:
        return False
    away = wander.distance(before.counts, histogram.coarse(now, before).counts)
    return away is not None and away < _BEYOND * before.dispersion


def reference_quantiles(before: reference.NumericReference) -> Quantiles:
    """10 %, 50 % and 90 % of a reference that has values, to the bin.

    >>> made = reference.NumericReference(edges=(1.0, 2.0), counts=(4, 4, 4), nulls=0, minimum=0.0, maximum=3.0,
    ...     mean=1.5, deviation=1.0)
    >>> reference_quantiles(made)
    (1.0, 2.0, 3.0)
    """
    reached = numpy.cumsum(before.counts) / sum(before.counts)
    ends = (*before.edges, before.maximum if before.maximum is not None else 0.0)
    low, middle, high = (float(ends[int(numpy.searchsorted(reached, each))]) for each in (0.1, 0.5, 0.9))
    return low, middle, high


def number(value: float) -> str:
    """A number for people: four digits.

    >>> number(1234567.0), number(0.000123456), number(3.0)
    ('1.235e+06', '0.0001235', '3')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"


def share(value: float) -> str:
    """A share of rows for people.

    >>> share(0.5), share(0.0123), share(0.00001), share(0.0)
    ('50%', '1.2%', '<0.1%', '0%')
    """
    if 0 < value < 0.001:
        return "<0.1%"
    return f"{100 * value:.0f}%" if value == 0 or value >= 0.1 else f"{100 * value:.1f}%"
