"""What there is to say of predictions whose outcomes are known: figures before and now, and where the errors are."""

import msgspec

from podium.core import run


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of performance, each side with its interval; None where it was not measured or is not defined."""

    name: str
    higher_is_better: bool
    before: run.Interval | None
    now: run.Interval | None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The figures now of one part of the rows."""

    said: str
    rows: int
    greyed: bool
    """Fewer than 100 rows: shown, but too few to judge by."""
    figures: dict[str, run.Interval]


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A segment in which the model does surely worse than elsewhere, on rows that took no part in finding it."""

    said: str
    rows: int
    loss: float
    elsewhere: float
    excess: run.Interval


class Teller(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that tells where the model errs: its share of the losses' variance, and its worst part."""

    column: str
    share: float
    worst: str
    p_value: float


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """The widest gap between groups of a column, those of fewer than 100 rows left out."""

    measure: str
    column: str
    difference: run.Interval | None
    lowest: str | None
    highest: str | None


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """How good the predictions are now, beside before."""

    task: str
    """`binary`, `regression`, or `classes`: the prediction is a class itself."""
    loss: str
    """What is called loss in segments and errors."""
    rows: int
    """With an outcome and a prediction."""
    unknown: int
    """Without one of them."""
    figures: tuple[Figure, ...]
    segments: tuple[Slice, ...]
    features: tuple[Teller, ...]
    gaps: tuple[Gap, ...]
    parts: tuple[Part, ...] = ()
    """Of the columns that were asked for, in their order."""
