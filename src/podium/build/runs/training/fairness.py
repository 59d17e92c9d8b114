"""How far apart groups lie: the asked measures of fairness between the values of each slice column."""

import numpy

from podium.build.runs.training import table as tables
from podium.core import project
from podium.core.dataset import Part
from podium.core.review import Band
from podium.core.run import Interval
from podium.measures import rows
from podium.measures.fairness import by_name


def gaps(
    table: tables.Table, scores: rows.Numbers, cut: float | None, band: Band | None, spec: project.Project
) -> dict[str, dict[str, Interval]]:
    """By measure, then column: the widest gap on the test split, between groups of at least 100 rows.

    Slice columns need not be features. Rows that the band leaves to a person are left out, as the model does not decide
    them. A measure that is not defined is left out.
    """
    test = table.places(Part.TEST)
    if band is not None:
        test = test[(scores[test] < band.low) | (scores[test] >= band.high)]
    act = None if cut is None else rows.decisions(scores[test], cut)
    scored = by_name.Scored(table.target[test], scores[test], act)
    found: dict[str, dict[str, Interval]] = {}
    for name in spec.metrics.fairness:
        for column, values in table.slices.items():
            group = numpy.array([*values, None], dtype=object)[:-1][test]
            gap = by_name.gap(name, scored, group, spec.metrics.confidence).difference
            if gap is not None:
                found.setdefault(name, {})[column] = gap
    return found
