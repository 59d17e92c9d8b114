"""A column of categories compared: every measure of drift from both summaries, and what there is to say of it."""

import math

from podium.core import reference
from podium.measures.comparison import numeric
from podium.measures.comparison.finding import Finding, Measure, Rule
from podium.measures.drift import hellinger, homogeneity, jensen_shannon, psi, rate, total_variation
from podium.measures.quality import missing_rate, vanished
from podium.measures.sketch import histogram

_SHOWN = 2
_WORD = 24
_OFTEN = 30
_NEARLY_ALL = 0.9
_SHARE = 0.67
"""Of the chance of a false alarm: two moments make the far tail a little too short."""


def measures(before: reference.CategoryReference, now: histogram.CategorySketch) -> dict[str, float]:
    """Every measure by name, over the reference's categories, and one cell for others and new ones.

    `psi` (corrected), `jensen_shannon`, `hellinger`, `chi_square`, `chi_square_p`, `cramers_v`, `moved` (total
    variation), `p_value` of drift, `missing_before`, `missing_now`; `unseen`, the share of rows whose
    category is new, and `vanished`, that of the reference's rows whose category is gone. Those that cannot be computed
    are left out.
    """
    old, new = cells(before, now)
    found: dict[str, float | None] = {
        "missing_before": missing_rate.missing_rate(before.nulls, before.nulls + sum(old)),
        "missing_now": missing_rate.missing_rate(now.nulls, now.rows),
        "unseen": now.new / sum(new) if sum(new) else None,
        "vanished": vanished.vanished(before.counts, seen(now)).share if sum(old) and sum(new) else None,
    }
    alike, index = homogeneity.homogeneity(old, new), psi.psi(old, new)
    tested = homogeneity.homogeneity(*tested_cells(before, now))
    if alike is not None and index is not None and tested is not None:
        found |= {
            "psi": index.value,
            "jensen_shannon": jensen_shannon.jensen_shannon(old, new),
            "hellinger": hellinger.hellinger(old, new),
            "chi_square": alike.statistic,
            "chi_square_p": alike.p_value,
            "cramers_v": alike.cramers_v,
            "moved": total_variation.total_variation(old, new),
            "p_value": min(1.0, tested.exact_p_value / _SHARE),
        }
    return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}


def seen(now: histogram.CategorySketch) -> dict[str, int]:
    """Known categories with their rows, and under no name the rows of all others: what `vanished` takes.

    >>> before = reference.CategoryReference(counts={"a": 9}, other=0, nulls=0)
    >>> seen(histogram.of_counts({"a": 1, "z": 2}, 0, 0, before))
    {'a': 1, '': 2}
    """
    return {**now.counts, "": now.counts.get("", 0) + now.new}


def cells(before: reference.CategoryReference, now: histogram.CategorySketch) -> tuple[list[int], list[int]]:
    """Both sides' counts in the same order: the reference's categories, then the others.

    >>> before = reference.CategoryReference(counts={"a": 3, "b": 2}, other=1, nulls=0)
    >>> cells(before, histogram.of_counts({"b": 4, "z": 1}, 0, 0, before))
    ([3, 2, 1], [0, 4, 1])
    """
    return [*before.counts.values(), before.other], [*(now.counts.get(name, 0) for name in before.counts), now.new]


def tested_cells(before: reference.CategoryReference, now: histogram.CategorySketch) -> tuple[list[int], list[int]]:
    """Both sides' counts in cells that neither side chose: new categories have a cell each, as known ones do.

    Put together, new ones would be a cell that is empty in the reference by choice, and so seem to be drift where a
    small reference has not seen all there is. Where the most frequent of over 10,000 were kept, those that came seldom
    join the others: by the same chance they came, they come less now.

    >>> before = reference.CategoryReference(counts={"a": 3, "b": 2}, other=0, nulls=0)
    >>> tested_cells(before, histogram.of_counts({"b": 4, "z": 1}, 0, 0, before))
    ([3, 2, 0, 0], [0, 4, 1, 0])
    """
    seldom = {name for name, count in before.counts.items() if count < _OFTEN} if before.other else set()
    kept = [name for name in before.counts if name not in seldom]
    new = {} if before.other else now.unseen
    old = [*(before.counts[name] for name in kept), *(0 for _ in new)]
    seen = [*(now.counts.get(name, 0) for name in kept), *new.values()]
    rest = sum(now.counts.values()) + now.new - sum(seen)
    return [*old, sum(before.counts.values()) + before.other - sum(old)], [*seen, rest]


def findings(
    name: str, before: reference.CategoryReference, now: histogram.CategorySketch, rule: Rule
) -> tuple[dict[str, float], list[Finding]]:
    """The measures, and the findings on drift, missing values and new categories."""
    found = measures(before, now)
    old, new = cells(before, now)
    enough = min(sum(old), sum(new)) >= rule.min_rows
    made = [
        Finding(
            column=name,
            measure=Measure.DRIFT,
            effect=found.get("moved"),
            floor=rule.effect,
            p_value=found.get("p_value"),
            said=said(before, now),
            enough=enough,
        ),
        numeric.missing(name, (before.nulls, before.nulls + sum(old)), (now.nulls, now.rows), rule),
    ]
    if enough and now.new:
        made.append(_unseen(name, before, now, rule))
    return found, made


def _unseen(name: str, before: reference.CategoryReference, now: histogram.CategorySketch, rule: Rule) -> Finding:
    """Rows of new categories beyond those expected: a reference with many that came once has not seen them all.

    Source: Good 1953, "The population frequencies of species": the chance that the next row's is new.
    """
    old, rows = sum(before.counts.values()) + before.other, sum(now.counts.values()) + now.new
    once = before.other + sum(count == 1 for count in before.counts.values())
    return Finding(
        column=name,
        measure=Measure.UNSEEN,
        effect=max(0.0, now.new / rows - once / old),
        floor=rule.unseen,
        p_value=_chance(now, once, old, rows),
        said=said_new(now),
    )


def said_new(now: histogram.CategorySketch) -> str:
    """The new categories in words, the most frequent first; empty without any.

    >>> before = reference.CategoryReference(counts={"a": 5}, other=0, nulls=0)
    >>> said_new(histogram.of_counts({"a": 3, "z": 1}, 0, 0, before))
    'new: z 25%'
    """
    names, rows = sorted(now.unseen.items(), key=lambda item: (-item[1], item[0])), sum(now.counts.values()) + now.new
    if not names:
        return ""
    return "new: " + _list([(each, count / rows) for each, count in names], len(names) - _SHOWN + bool(now.unnamed))


def _chance(now: histogram.CategorySketch, once: int, old: int, rows: int) -> float:
    """The smaller of two, doubled: of so many new categories, and of so many rows of the largest one all being now.

    New rows of one category come in lumps: the first counts lumps, not rows.
    """
    most, different = max(now.unseen.values(), default=1), max(1, len(now.unseen))
    lumps = max(1, round(now.new / most))
    largest = different * math.exp(most * math.log(rows / (rows + old)))
    return min(1.0, 2 * largest, 2 * rate.rate(once, old, lumps, rows) if lumps * old > once * rows else 1.0)


def said(before: reference.CategoryReference, now: histogram.CategorySketch) -> str:
    """What changed, in words.

    >>> before = reference.CategoryReference(counts={"a": 5, "b": 5}, other=0, nulls=0)
    >>> said(before, histogram.of_counts({"a": 9, "b": 1}, 0, 0, before))
    'a 50% → 90%'
    """
    old, new = sum(before.counts.values()) + before.other, sum(now.counts.values()) + now.new
    if not old or not new:
        return ""
    if sum(count == 1 for count in before.counts.values()) + before.other > _NEARLY_ALL * old:
        return "nearly every value differs: an id?"
    gone = vanished.vanished(before.counts, now.counts)
    if gone.share >= 0.01 and gone.p_value < 0.001:
        return "gone: " + _list([(each, before.counts[each] / old) for each in gone.names], len(gone.names) - _SHOWN)
    moved = {each: now.counts.get(each, 0) / new - count / old for each, count in before.counts.items()}
    if not moved:
        return ""
    most = max(moved, key=lambda each: abs(moved[each]))
    was = before.counts[most] / old
    return f"{word(most)} {numeric.share(was)} → {numeric.share(was + moved[most])}"


def _list(shares: list[tuple[str, float]], more: int) -> str:
    shown = ", ".join(f"{word(name)} {numeric.share(value)}" for name, value in shares[:_SHOWN])
    return shown + (f" and {more} more" if more > 0 else "")


def word(text: str, most: int = _WORD) -> str:
    """A category, or another text out of the data, as it is shown: on one line, and short.

    >>> word("one\\ntwo"), word("a long one", 6)
    ('one·two', 'a lon…')
    """
    plain = "".join(letter if letter.isprintable() else "·" for letter in text)
    return plain if len(plain) <= most else plain[: most - 1] + "…"
