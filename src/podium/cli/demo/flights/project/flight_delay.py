"""Trains the model of flight delays: median for missing numbers, one column for each category, boosted trees."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightgbm import LGBMClassifier
from skl2onnx.sklapi import CastTransformer
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

CATEGORIES = ["carrier", "origin", "aircraft_maker"]


def fit(features: pd.DataFrame, target: npt.NDArray[np.float64], context: Any) -> Pipeline:
    """A fitted pipeline from the features to the probability of a late arrival."""
    numbers = [name for name in features.columns if name not in CATEGORIES]
    prepare = ColumnTransformer(
        [
            ("numbers", SimpleImputer(strategy="median"), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES),
        ]
    )
    trees = LGBMClassifier(
        n_estimators=context.params["trees"],
        num_leaves=context.params["leaves"],
        learning_rate=context.params["learning_rate"],
        min_child_samples=100,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.6,
        random_state=context.seed,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    # The cast stands between the preparation (in double) and the trees, so that the exported form answers the same.
    return Pipeline([("prepare", prepare), ("cast", CastTransformer(dtype=np.float32)), ("trees", trees)]).fit(
        features, target.astype(np.int64)
    )
