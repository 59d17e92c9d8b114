"""What an alert says: what changed, by how much, since when."""

from collections.abc import Sequence

from podium.core import check, time

_SHOWN = 5
_WHAT = {
    check.CheckKind.DRIFT: "Features moved away from those of training",
    check.CheckKind.SCORE_DRIFT: "Scores moved away from those of training",
    check.CheckKind.QUALITY: "The quality of the data fell",
    check.CheckKind.PERFORMANCE: "The model performs worse than in training",
    check.CheckKind.COST: "Decisions cost more than in training",
}


def compose(kind: check.CheckKind, broken: Sequence[check.Check], since_us: int) -> str:
    """One sentence about the checks that broke together; the largest break first.

    >>> from podium.core.window import Window
    >>> one = check.Check(id="c", project="p", endpoint="e", version=2, window=Window(0, 1), kind=check.CheckKind.DRIFT,
    ...     measure="psi", column="hour", value=0.5, reference=0.0, limit=0.2, rows=900, state=check.CheckState.BROKEN)
    >>> compose(check.CheckKind.DRIFT, [one], 0)
    'Features moved away from those of training (version 2): hour psi 0.5 (limit 0.2), since 1970-01-01.'
    """
    ordered = sorted(broken, key=lambda each: (-_size(each), each.column or "", each.measure))
    parts = [_part(each) for each in ordered[:_SHOWN]]
    more = f"; and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    since = time.from_us(since_us).date().isoformat()
    return f"{_WHAT[kind]} (version {ordered[0].version}): {', '.join(parts)}{more}, since {since}."


def _part(each: check.Check) -> str:
    name = f"{each.column} {each.measure}" if each.column else each.measure
    before = f", in training {each.reference:.4g}" if each.reference else ""
    return f"{name} {each.value:.4g} (limit {each.limit:.4g}{before})"


def _size(each: check.Check) -> float:
    return abs((each.value or 0.0) - each.limit) / (abs(each.limit) or 1.0)
