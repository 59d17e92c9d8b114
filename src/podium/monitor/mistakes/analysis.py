"""Which features tell where a model errs, and in which segments. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy

from podium.core import mistakes
from podium.measures import rows as arrays
from podium.measures.drift import discoveries
from podium.measures.segments import condition, errors, worst

RATE = 0.05
"""At most this share of what is told of is so by chance."""


class Rows(NamedTuple):
    """Rows with their features by name; of shape [n] each."""

    by: Mapping[str, condition.Column]
    losses: arrays.Numbers
    expected: arrays.Numbers | None
    """What the scores themselves expect of the losses."""


def expected(measure: str, score: arrays.Numbers) -> arrays.Numbers | None:
    """Each row's loss on average if its score, a probability, is right, shape [n]; None where that is not defined.

    >>> expected("brier", numpy.array([0.5, 1.0])).tolist()
    [0.25, 0.0]
    """
    if score.ndim > 1:
        return _expected_of_classes(measure, score)
    if measure == "brier":
        return score * (1.0 - score)
    if measure != "log_loss":
        return None
    inside = numpy.clip(score, 1e-15, 1.0 - 1e-15)
    return numpy.asarray(-inside * numpy.log(inside) - (1.0 - inside) * numpy.log1p(-inside))


def _expected_of_classes(measure: str, chances: arrays.Numbers) -> arrays.Numbers | None:
    """The same of several classes, of which each row has probabilities [n, classes]."""
    if measure == "brier":
        return numpy.asarray(1.0 - (chances**2).sum(axis=1))
    if measure != "log_loss":
        return None
    return numpy.asarray(-(chances * numpy.log(numpy.clip(chances, 1e-15, 1.0))).sum(axis=1))


def tellers(rows: Rows) -> tuple[tuple[mistakes.Teller, ...], int]:
    """The features that tell more of the losses than chance, and how many tell nothing."""
    found = errors.features(rows.by, rows.losses) if rows.losses.size else ()
    sure = discoveries.discoveries([each.p_value for each in found], RATE) if found else ()
    told = [each for each, real in zip(found, sure, strict=True) if real]
    return tuple(_teller(each, rows) for each in told), len(rows.by) - len(told)


def _teller(found: errors.Influence, rows: Rows) -> mistakes.Teller:
    mine = condition.holds(found.worst, rows.by[found.column])
    return mistakes.Teller(
        feature=found.column,
        share=found.share,
        worst=str(found.worst),
        loss=float(rows.losses[mine].mean()),
        rows=int(mine.sum()),
        p_value=found.p_value,
        expected=_expected(rows, mine),
    )


def segments(rows: Rows, parts: Sequence[condition.Condition]) -> tuple[mistakes.Segment, ...]:
    """The worst segments of these conditions, confirmed on rows that took no part in finding them."""
    found = worst.worst(rows.by, rows.losses, parts=parts, rate=RATE) if rows.losses.size else ()
    return tuple(
        mistakes.Segment(
            where=str(each),
            rows=each.rows,
            loss=each.loss,
            elsewhere=each.elsewhere,
            excess=each.excess,
            p_value=each.p_value,
            expected=_expected(rows, condition.together(each.conditions, rows.by)),
        )
        for each in found
    )


def _expected(rows: Rows, mine: arrays.Truths) -> float | None:
    return None if rows.expected is None else float(rows.expected[mine].mean())
