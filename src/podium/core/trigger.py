"""What the triggers of a model said when a window closed."""

import msgspec


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a retraining was started at the end of a window, and why, or why not, in words."""

    project: str
    endpoint: str
    model: str
    end_us: int
    at_us: int
    fired: bool
    reason: str
    trigger: str | None = None
    """`alert`, `schedule` or `new_data`: the one that was due."""
    run: str | None = None
    dataset: str | None = None
    """Digest of the training data that was made."""
