"""Alibi Detect: TabularDrift (Kolmogorov-Smirnov and chi-square, Bonferroni) by its defaults."""

import sys

sys.path.append(sys.path.pop(0))  # this file must not shadow the package

import numpy
import pairs
import pandas
from alibi_detect.cd import TabularDrift


def look(before: pandas.DataFrame, now: pandas.DataFrame) -> list[int]:
    words = [place for place, name in enumerate(before.columns) if before[name].dtype == object]
    both = pandas.concat([before, now])
    for place in words:
        both.isetitem(place, pandas.factorize(both.iloc[:, place])[0])
    data = both.fillna(both.median()).to_numpy(dtype=numpy.float32)
    detector = TabularDrift(data[: len(before)], p_val=0.05, categories_per_feature=dict.fromkeys(words))
    found = detector.predict(data[len(before) :])["data"]
    return [int((found["p_val"] < found["threshold"]).sum()) if found["is_drift"] else 0]


pairs.main(look)
