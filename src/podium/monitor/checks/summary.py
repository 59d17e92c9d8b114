"""What one version saw and scored in some rows, in numbers that add up."""

import msgspec

from podium.measures.sketch import histogram, score_labels
from podium.monitor.checks import samples


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a model of several classes said: how often each class was the most probable, and each one's probability."""

    predicted: histogram.CategorySketch
    chances: dict[str, histogram.NumericSketch]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What one version saw and scored in some time at an endpoint."""

    rows: int
    numeric: dict[str, histogram.NumericSketch]
    categorical: dict[str, histogram.CategorySketch]
    score: histogram.NumericSketch
    labels: score_labels.ScoreLabels
    as_of_us: int
    """Outcomes known by this instant are in `labels`."""
    sample: samples.Sample | None = None
    """A few of the rows; none of days that older versions kept."""
    outputs: Outputs | None = None
    """Of several classes."""
