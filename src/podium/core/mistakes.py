"""Where a model errs in a closed window: which rows, which features, which segments."""

import msgspec

from podium.core.run import Confusion, Interval
from podium.core.window import Window


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One of the rows with the highest losses."""

    prediction_id: str
    at_us: int
    score: float
    decision: bool | None
    outcome: float | str
    """Of several classes: the label."""
    loss: float
    features: dict[str, bool | float | str | None] | None = None
    """As they were sent; None for callers who may read but hold no part in the model's life."""
    label: str | None = None
    """Of several classes: the most probable one."""


class Teller(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that tells where the model errs."""

    feature: str
    share: float
    """Of the differences between losses that differ by the feature's parts: 0 nothing, 1 all."""
    worst: str
    """The part with the highest mean loss."""
    loss: float
    """The mean loss in that part."""
    rows: int
    """Rows in that part."""
    p_value: float
    expected: float | None = None
    """As `Segment.expected`, in that part."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, by one or two features, among which the model does surely worse than elsewhere."""

    where: str
    rows: int
    loss: float
    elsewhere: float
    excess: Interval
    p_value: float
    expected: float | None = None
    """The mean loss that the scores themselves expect there (log_loss, brier): as high as the loss, and these rows are
    hard to tell; lower, and the model is wrong about them. None for other measures."""


class Mistakes(msgspec.Struct, frozen=True, kw_only=True):
    """A window's errors, on the rows of its checks of outcomes."""

    endpoint: str
    version: int
    window: Window
    of: Window
    """When the rows were made: in the window, or with a label window so much earlier."""
    measure: str
    """What a row's loss is: the primary metric's, or log_loss (mae) where that has none for a row."""
    rows: int
    """With a known outcome."""
    waiting: int
    """Without."""
    searched: int
    """Rows on which features and segments were looked at: all, or 20,000 spread evenly."""
    loss: float | None
    """The mean."""
    worst: tuple[Mistake, ...]
    features: tuple[Teller, ...]
    """Those that tell more than chance (at most 5 % of them falsely), the most telling first."""
    quiet: int
    """Features that tell nothing."""
    confusion: Confusion | None = None
    """Of several classes: over all rows with a known outcome."""
    segments: tuple[Segment, ...]
    """Found on half of the rows, confirmed on the others; at most 5 % of them falsely. The most certain first."""
