"""Deepchecks: FeatureDrift by its defaults, which look at 100,000 rows, with its default condition."""

import sys

sys.path.append(sys.path.pop(0))  # this file must not shadow the package

import pairs
import pandas
from deepchecks.tabular import Dataset
from deepchecks.tabular.checks import FeatureDrift


def look(before: pandas.DataFrame, now: pandas.DataFrame) -> list[int]:
    words = [name for name in before.columns if before[name].dtype == object]
    check = FeatureDrift().add_condition_drift_score_less_than()
    found = check.run(Dataset(before, cat_features=words), Dataset(now, cat_features=words))
    passed = check.conditions_decision(found)[0].is_pass()
    scores = {name: (each["Drift score"] or 0.0, each["Method"]) for name, each in found.value.items()}
    return [0 if passed else max(1, sum(score > 0.2 for score, _ in scores.values()))]


pairs.main(look)
