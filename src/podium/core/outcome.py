"""Ground truth for predictions, arriving later."""

import msgspec


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The truth of one row: by `prediction_id`, or by `key` (the value of the model's key column).

    `at_us` is when the truth became known. A later outcome for the same row corrects an earlier one. Of several classes
    the value is the label of the row's class (3 stands for "3").
    """

    value: float | str
    at_us: int
    key: str | None = None
    prediction_id: str | None = None


class OutcomeBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt: that many outcomes are stored durably."""

    id: str
    endpoint: str
    rows: int
    digest: str
    received_us: int
