"""Drift of a whole model's inputs: each feature's, weighted by how much the feature matters for the scores."""

from collections.abc import Mapping

from podium.core.errors import Invalid


def weighted(drift: Mapping[str, float], importance: Mapping[str, float]) -> float | None:
    """The mean of the features' drift, in its unit, with weights in proportion to their importance (0 or more).

    Features without drift or importance do not count; None when none is left that matters. A feature that moved far
    and matters little weighs little; several that moved a little and matter weigh something. `Invalid` on a negative
    importance. Source: the importances are mean absolute contributions, Lundberg et al. 2020, "From local explanations
    to global understanding with explainable AI for trees", section 2.7.

    >>> round(weighted({"hour": 0.5, "carrier": 0.1}, {"hour": 3.0, "carrier": 1.0}), 3)
    0.4
    >>> weighted({"hour": 0.5}, {}) is None
    True
    """
    if any(each < 0 for each in importance.values()):
        raise Invalid("Importances are zero or more.", field="importance")
    both = drift.keys() & importance.keys()
    whole = sum(importance[name] for name in sorted(both))
    return sum(importance[name] * drift[name] for name in sorted(both)) / whole if whole > 0 else None
