"""What an alert says: what changed, by how much, since when, and what it cost."""

from collections.abc import Sequence

from podium.core import check, project, time

_SHOWN = 5
_WHAT = {
    check.CheckKind.DRIFT: "Features moved away from those of training",
    check.CheckKind.SCORE_DRIFT: "Scores moved away from those of training",
    check.CheckKind.QUALITY: "The quality of the data fell",
    check.CheckKind.PERFORMANCE: "The model performs worse than in training",
    check.CheckKind.COST: "Decisions cost more than in training",
    check.CheckKind.FAIRNESS: "Groups are treated more unequally than allowed",
    check.CheckKind.SEGMENT: "The model does much worse on some rows than on the others",
    check.CheckKind.ESTIMATED: "The model probably performs worse than in training (estimated without outcomes)",
}


def compose(kind: check.CheckKind, broken: Sequence[check.Check], since_us: int, price: str = "") -> str:
    """One or two sentences about the checks that broke together: what, the largest break first, since when, the price.

    >>> from podium.core.window import Window
    >>> one = check.Check(id="c", project="p", endpoint="e", version=2, window=Window(0, 1), kind=check.CheckKind.DRIFT,
    ...     measure="psi", column="hour", value=0.5, reference=0.0, limit=0.2, rows=900, state=check.CheckState.BROKEN)
    >>> compose(check.CheckKind.DRIFT, [one], 0)
    'Features moved away from those of training (version 2): hour psi 0.5 (limit 0.2), since 1970-01-01.'
    """
    own = sorted((each for each in broken if each.kind is kind), key=_order)
    follow = sorted((each for each in broken if each.kind is not kind), key=_order)
    since = time.from_us(since_us).date().isoformat()
    text = f"{_WHAT[kind]} (version {broken[0].version}): {_list(own or follow)}, since {since}."
    if own and follow:
        text += f" With it: {_list(follow)}."
    return f"{text} {price}".rstrip()


def price(found: Sequence[check.Check], costs: project.CostsPart | None) -> str:
    """What a window's decisions cost against training, in words; empty unless a check of cost has a value.

    >>> from podium.core.window import Window
    >>> one = check.Check(id="c", project="p", endpoint="e", version=2, window=Window(0, 1), kind=check.CheckKind.COST,
    ...     measure="cost_per_row", column=None, value=0.52, reference=0.4, limit=0.5, rows=1000,
    ...     state=check.CheckState.BROKEN)
    >>> price([one], project.CostsPart(false_positive=1, false_negative=4, unit="rebookings"))
    'Decisions in this window cost 120 rebookings more than at the rate of training, over 1,000 rows.'
    """
    for each in found:
        if each.kind is check.CheckKind.COST and each.value is not None and each.reference is not None and each.rows:
            extra = (each.value - each.reference) * each.rows
            words = f"{abs(extra):,.0f}" + ("" if costs is None or costs.unit == "cost" else f" {costs.unit}")
            way = "more" if extra >= 0 else "less"
            return f"Decisions in this window cost {words} {way} than at the rate of training, over {each.rows:,} rows."
    return ""


def _list(ordered: Sequence[check.Check]) -> str:
    more = f"; and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(_part(each) for each in ordered[:_SHOWN]) + more


def _order(each: check.Check) -> tuple[float, str, str]:
    return (-_size(each), each.column or "", each.measure)


def _part(each: check.Check) -> str:
    name = f"{each.column} {each.measure}" if each.column else each.measure
    before = f", in training {each.reference:.4g}" if each.reference else ""
    return f"{name} {each.value:.4g} (limit {each.limit:.4g}{before})"


def _size(each: check.Check) -> float:
    return abs((each.value or 0.0) - each.limit) / (abs(each.limit) or 1.0)
