"""Frouros: its two-sample Kolmogorov-Smirnov test and chi-square test, column by column, at p < 0.05."""

import sys

sys.path.append(sys.path.pop(0))  # this file must not shadow the package

import pairs
import pandas
from frouros.detectors.data_drift import ChiSquareTest, KSTest

_BELOW = 0.05


def look(before: pandas.DataFrame, now: pandas.DataFrame) -> list[int]:
    found = 0
    for name in before.columns:
        detector = ChiSquareTest() if before[name].dtype == object else KSTest()
        detector.fit(X=before[name].dropna().to_numpy())
        found += bool(detector.compare(X=now[name].dropna().to_numpy())[0].p_value < _BELOW)
    return [found]


pairs.main(look)
