"""What an alert says: what changed, by how much, since when, which feature matters, which segment, and what it cost."""

from collections.abc import Sequence

import msgspec

from podium.core import check, project, season, time, value

_SHOWN = 5
_WHAT = {
    check.CheckKind.DRIFT: "Features moved away from those of {against}",
    check.CheckKind.SCORE_DRIFT: "Scores moved away from those of {against}",
    check.CheckKind.OUTCOME_DRIFT: "Outcomes moved away from those of training",
    check.CheckKind.QUALITY: "The quality of the data fell",
    check.CheckKind.PERFORMANCE: "The model performs worse than in training",
    check.CheckKind.COST: "Decisions cost more than in training",
    check.CheckKind.FAIRNESS: "Groups are treated more unequally than allowed",
    check.CheckKind.SEGMENT: "The model does much worse on some rows than on the others",
    check.CheckKind.ESTIMATED: "The model probably performs worse than in training (estimated without outcomes)",
    check.CheckKind.EXPLANATION: "Scores come about otherwise than in training",
}


_OF_INPUTS = (check.CheckKind.DRIFT, check.CheckKind.SCORE_DRIFT, check.CheckKind.QUALITY)
_TRAINING = season.SAID["training"]


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What else a window says, in words; each is empty when it is not known."""

    price: str = ""
    """What its decisions cost against training, and against what else could have decided."""
    matters: str = ""
    """Which of the features that moved matters most for the scores."""
    segment: str = ""
    """Where the model is worst."""
    against: str = _TRAINING
    """What features and scores are compared with."""


def around(made: Sequence[check.Check], spec: project.Project, worth: value.WindowValue | None = None) -> Around:
    """What a window's checks, and what its decisions were worth, say beside an alert's own."""
    paid = [price(made, spec.costs), "" if worth is None else gained(worth)]
    return Around(
        price=" ".join(each for each in paid if each),
        matters=matters(made),
        segment=segment(made),
        against=season.SAID[spec.monitor.reference],
    )


def compose(kind: check.CheckKind, broken: Sequence[check.Check], since_us: int, known: Around | None = None) -> str:
    """A few sentences about the checks that broke together: what (what matters most and is furthest beyond its limit
    first), since when, the feature that matters, the segment, the price.

    >>> from podium.core.window import Window
    >>> one = check.Check(id="c", project="p", endpoint="e", version=2, window=Window(0, 1), kind=check.CheckKind.DRIFT,
    ...     measure="psi", column="hour", value=0.5, reference=0.0, limit=0.2, rows=900, state=check.CheckState.BROKEN)
    >>> compose(check.CheckKind.DRIFT, [one], 0)
    'Features moved away from those of training (version 2): hour psi 0.5 (limit 0.2), since 1970-01-01.'
    """
    said = known or Around()
    own = sorted((each for each in broken if each.kind is kind), key=_order)
    follow = sorted((each for each in broken if each.kind is not kind), key=_order)
    since = time.from_us(since_us).date().isoformat()
    what = _WHAT[kind].format(against=said.against)
    text = f"{what} (version {broken[0].version}): {_list(own or follow, said)}, since {since}."
    if own and follow:
        text += f" With it: {_list(follow, said)}."
    where = "" if any(each.kind is check.CheckKind.SEGMENT for each in broken) else said.segment
    return " ".join(each for each in (text, said.matters, where, said.price) if each)


def matters(found: Sequence[check.Check]) -> str:
    """Which of the features whose drift or quality broke weighs most in the scores, in words; empty if not known.

    >>> from podium.core.window import Window
    >>> def one(column, weight):
    ...     return check.Check(id="c", project="p", endpoint="e", version=2, window=Window(0, 1), measure="psi",
    ...         kind=check.CheckKind.DRIFT, column=column, value=0.5, reference=0.0, limit=0.2, rows=900, weight=weight,
    ...         state=check.CheckState.BROKEN)
    >>> matters([one("carrier", 0.02), one("hour", 0.41)])
    'Of the features that moved, hour matters most: 41 % of what features add to the scores.'
    >>> matters([one("hour", None)])
    ''
    """
    moved = [each for each in found if each.state is check.CheckState.BROKEN and each.kind in _OF_INPUTS]
    known = [(each.weight, each.column) for each in moved if each.column and each.weight is not None]
    if not known:
        return ""
    share, name = max(known)
    return f"Of the features that moved, {name} matters most: {share * 100:.2g} % of what features add to the scores."


def segment(found: Sequence[check.Check]) -> str:
    """The segment in which the model does worst beyond what is allowed, in words; empty if there is none.

    >>> from podium.core.window import Window
    >>> one = check.Check(id="c", project="p", endpoint="e", version=2, window=Window(0, 1), measure="log_loss",
    ...     kind=check.CheckKind.SEGMENT, column="hour > 20", value=0.61, reference=0.3, limit=0.45, rows=90,
    ...     state=check.CheckState.BROKEN)
    >>> segment([one])
    'It does worst where hour > 20: log_loss 0.61, elsewhere 0.3.'
    """
    worst = sorted((each for each in found if _is_segment(each)), key=_order)
    return "".join(
        f"It does worst where {each.column}: {each.measure} {each.value:.4g}, elsewhere {each.reference:.4g}."
        for each in worst[:1]
    )


def _is_segment(each: check.Check) -> bool:
    return each.kind is check.CheckKind.SEGMENT and each.state is check.CheckState.BROKEN and each.reference is not None


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


def gained(worth: value.WindowValue) -> str:
    """What a window's decisions were worth against none, and against the champion before, in words.

    >>> from podium.core.run import Interval
    >>> from podium.core.window import Window
    >>> found = Interval(value=-0.5, low=-0.7, high=-0.3, rows=200)
    >>> less = value.Gain(over=value.Over.BASELINE, who="never acting", per_decision=found, total=-100.0)
    >>> gained(value.WindowValue(endpoint="e", version=2, window=Window(0, 1), of=Window(0, 1), unit="rebookings",
    ...     kpi="", rows=200, waiting=0, per_decision=found, total=-100.0, expected=None, gains=(less,), groups="day"))
    'They were worth 100 rebookings less than never acting (60 to 140).'
    >>> gained(value.WindowValue(endpoint="e", version=2, window=Window(0, 1), of=Window(0, 1), unit="cost", kpi="",
    ...     rows=0, waiting=300, per_decision=None, total=0.0, expected=None, gains=(), groups="row"))
    'What it cost is not known yet: 300 rows wait for their outcome.'
    """
    if not worth.rows:
        return f"What it cost is not known yet: {worth.waiting:,} rows wait for their outcome." if worth.waiting else ""
    told = [worth.gain(over) for over in (value.Over.BASELINE, value.Over.FORMER)]
    parts = [_against(each, worth) for each in told if each is not None]
    return f"They were worth {', and '.join(parts)}." if parts else ""


def _against(gain: value.Gain, worth: value.WindowValue) -> str:
    """Totals over the window's rows, with the interval's ends in the same direction."""
    found = gain.per_decision
    sign = 1.0 if found.value >= 0 else -1.0
    low, high = sorted(sign * each * worth.rows for each in (found.low, found.high))
    if not found.value and not found.low and not found.high:
        return f"as much as {gain.who}"
    unit = "" if worth.unit == "cost" else f" {worth.unit}"
    way = "more" if sign > 0 else "less"
    return f"{abs(gain.total):,.0f}{unit} {way} than {gain.who} ({low:,.0f} to {high:,.0f})"


def _list(ordered: Sequence[check.Check], said: Around) -> str:
    more = f"; and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(_part(each, said) for each in ordered[:_SHOWN]) + more


def _order(each: check.Check) -> tuple[float, str, str]:
    weight = 1.0 if each.weight is None else each.weight
    return (-_size(each) * weight, each.column or "", each.measure)


def _part(each: check.Check, said: Around) -> str:
    name = f"{each.column} {each.measure}" if each.column else each.measure
    where = "in training"
    if each.kind is check.CheckKind.SEGMENT:
        where = "elsewhere"
    elif each.kind in _OF_INPUTS and said.against != _TRAINING:
        where = "before"
    before = f", {where} {each.reference:.4g}" if each.reference else ""
    words = f"; {each.said}" if each.said else ""
    return f"{name} {each.value:.4g} (limit {each.limit:.4g}{before}{words})"


def _size(each: check.Check) -> float:
    return abs((each.value or 0.0) - each.limit) / (abs(each.limit) or 1.0)
