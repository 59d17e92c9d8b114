"""Evidently: DataDriftPreset by its defaults; a column alarms when its method says drift."""

import sys

sys.path.append(sys.path.pop(0))  # this file must not shadow the package

import pairs
import pandas
from evidently import Report
from evidently.presets import DataDriftPreset


def look(before: pandas.DataFrame, now: pandas.DataFrame) -> list[int]:
    done = Report([DataDriftPreset()]).run(now, before).dict()
    for metric in done["metrics"]:
        if "DriftedColumnsCount" in str(metric.get("metric_name", metric.get("metric_id", ""))):
            return [int(metric["value"]["count"])]
    raise SystemExit(f"no count of drifted columns in {list(done['metrics'][0])}")


pairs.main(look)
