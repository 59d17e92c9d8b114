"""A model of each row's loss, for direct loss estimation: boosted trees over binned features."""

from typing import Any, NamedTuple, TypeAlias

import numpy
import numpy.typing

from podium.core.errors import Invalid, missing_extra
from podium.measures import rows
from podium.measures.estimates import dle

try:
    import sklearn.ensemble
    import threadpoolctl
except ModuleNotFoundError:  # pragma: no cover - with the extra it is there
    sklearn = threadpoolctl = None

FOLDS = 5
_SEED = 0
LEAST = 50
"""Rows."""
_TREES = 60
Table: TypeAlias = numpy.typing.NDArray[numpy.float64]
"""Features and the prediction itself, shape [n, k]; NaN is a missing value; categories as their number."""


class LossModel(NamedTuple):
    """Fitted models: of the loss, of its scatter, and of the loss without each fold."""

    loss: Any
    scatter: Any
    folds: tuple[Any, ...]


def fit(features: Table, losses: numpy.typing.ArrayLike, categorical: tuple[int, ...] = ()) -> LossModel:
    """Learn the losses (shape [n]) of reference rows that the judged model was not trained on.

    `categorical`: columns that hold numbers of categories. `Invalid` below 50 rows; needs scikit-learn.

    >>> random = numpy.random.default_rng(0)
    >>> x = random.random((400, 1))
    >>> made = fit(x, x[:, 0] * 3.0)
    >>> bool(abs(dle.dle(predict(made, numpy.array([[0.9]]))).value - 2.7) < 0.2)
    True
    """
    if sklearn is None:  # pragma: no cover - with the extra it is there
        raise missing_extra("train", "scikit-learn")
    actual = rows.numbers(losses, "losses")
    if features.ndim != 2 or features.shape[0] != actual.size:
        raise Invalid("One row of features a loss is needed.", field="features")
    if actual.size < LEAST:
        raise Invalid(f"At least {LEAST} rows are needed.", field="losses")
    order = numpy.random.default_rng(_SEED).permutation(actual.size)
    left, folds = numpy.empty(actual.size), []
    with threadpoolctl.threadpool_limits(1):
        for fold in range(FOLDS):
            out = order[fold::FOLDS]
            rest = numpy.setdiff1d(order, out)
            made = _trees(categorical).fit(features[rest], actual[rest])
            left[out] = actual[out] - made.predict(features[out])
            folds.append(made)
        return LossModel(
            loss=_trees(categorical).fit(features, actual),
            scatter=_trees(categorical).fit(features, left**2),
            folds=tuple(folds),
        )


def predict(made: LossModel, features: Table) -> dle.Predicted:
    """What the models say of rows (shape [n, k]); no loss and no scatter is below 0."""
    with threadpoolctl.threadpool_limits(1):
        losses, scatter, *folds = (_ask(each, features) for each in (made.loss, made.scatter, *made.folds))
    return dle.Predicted(losses, scatter, numpy.array([each.mean() for each in folds]))


def _ask(trees: Any, features: Table) -> rows.Numbers:
    if not features.shape[0]:
        return numpy.zeros(0)
    return numpy.maximum(0.0, numpy.asarray(trees.predict(features), dtype=numpy.float64))


def _trees(categorical: tuple[int, ...]) -> Any:
    return sklearn.ensemble.HistGradientBoostingRegressor(
        categorical_features=list(categorical) or None,
        max_iter=_TREES,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=_SEED,
    )
