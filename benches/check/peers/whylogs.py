"""whylogs: both profiles, then its drift scores by their defaults; a column alarms in the category DRIFT."""

import sys

sys.path.append(sys.path.pop(0))  # this file must not shadow the package

import pairs
import pandas
import whylogs
from whylogs.viz.drift import column_drift_algorithms as drift


def look(before: pandas.DataFrame, now: pandas.DataFrame) -> list[int]:
    views = [whylogs.log(pandas=each).profile().view() for each in (now, before)]
    scores = drift.calculate_drift_scores(target_view=views[0], reference_view=views[1], with_thresholds=True)
    return [sum(each is not None and each.get("drift_category") == "DRIFT" for each in scores.values())]


pairs.main(look)
