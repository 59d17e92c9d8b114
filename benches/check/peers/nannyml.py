"""NannyML: univariate drift by its defaults: ten chunks, each a window; a column alarms by its threshold."""

import sys

sys.path.append(sys.path.pop(0))  # this file must not shadow the package

import nannyml
import pairs
import pandas


def look(before: pandas.DataFrame, now: pandas.DataFrame) -> list[int]:
    calculator = nannyml.UnivariateDriftCalculator(column_names=list(before.columns))
    calculator.fit(before)
    found = calculator.calculate(now).filter(period="analysis").to_df()
    alerts = found.loc[:, [name for name in found.columns if name[-1] == "alert"]]
    return [int(count) for count in alerts.sum(axis=1)]


pairs.main(look)
