"""What a comparison says of a column: each finding with its effect, its floor, and how likely it is by chance."""

import enum

import msgspec


class Measure(enum.StrEnum):
    """What was looked at."""

    DRIFT = "drift"
    MISSING = "missing"
    UNSEEN = "new-categories"
    RANGE = "out-of-range"
    TYPE = "type"
    ABSENT = "absent"
    KEYS = "duplicate-keys"
    AGE = "age"
    SKEW = "serving-skew"
    """Whether the same rows have the same values on both sides."""
    PERFORMANCE = "performance"
    """Whether predictions became worse, where outcomes are known."""
    EXPLANATION = "explanation"
    """How much each feature matters for the scores, by its contributions."""
    PATTERN = "pattern"
    """How the columns move together."""
    APART = "told-apart"
    """Whether rows of before and now can be told apart."""


class State(enum.StrEnum):
    """An alarm, none, or too few rows to say."""

    ALARM = "alarm"
    OK = "ok"
    NOT_ENOUGH_DATA = "not-enough-data"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one column. An alarm needs both: an effect at the floor or above, and a p-value that is believed."""

    column: str | None
    """None: the table as a whole."""
    measure: Measure
    effect: float | None
    """A share of rows, in [0, 1], unless said otherwise; None where there is nothing to measure."""
    floor: float
    p_value: float | None
    """How likely so large an effect is by chance; None where chance has no part."""
    said: str
    """In words, from the data."""
    enough: bool = True


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When a finding is an alarm. The rates are those of Benjamini and Hochberg's procedure over all columns at once.

    Together they stay below 1 %: the share of comparisons of data without drift in which anything alarms.
    """

    effect: float = 0.05
    """Of drift: the share of rows that moved."""
    missing: float = 0.02
    unseen: float = 0.01
    outside: float = 0.01
    skew: float = 0.001
    """Of the same rows, whose values differ."""
    performance: float = 0.03
    """By how much AUC or accuracy fell."""
    loss: float = 0.1
    """By how much of itself a mean loss rose."""
    explanation: float = 0.05
    """By how much a feature's share of all contributions moved."""
    pattern: float = 0.1
    """The change of the mean distance from the pattern, as a share of it."""
    apart: float = 0.05
    """How far the classifier's AUC is above one half."""
    drift_rate: float = 0.007
    """So that, of fifty columns, one that moved a quarter of a deviation is found in 96 % of looks at 1,000 rows a side
    (at 0.005: 95 %); the others leave room for it below 1 %."""
    other_rate: float = 0.0005
    """Of each of the other measures."""
    min_rows: int = 100
    """With fewer values on either side: not enough data."""

    def rate(self, measure: Measure) -> float:
        """The rate of false discoveries for a measure.

        >>> Rule().rate(Measure.DRIFT)
        0.007
        """
        return self.drift_rate if measure is Measure.DRIFT else self.other_rate


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column compared: its state (the worst of its findings), every measure in numbers, and what alarms in words."""

    column: str
    kind: str
    state: State
    measures: dict[str, float]
    findings: tuple[Finding, ...]
    states: tuple[State, ...]
    """Of each finding."""
    effect: float
    """The largest effect among alarms, else of drift, as a multiple of its floor: by this columns are ordered."""
    before: str
    now: str
    """Both sides in a few words."""
    note: str
