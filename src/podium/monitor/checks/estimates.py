"""Checks of performance as estimated, while outcomes are not known."""

from collections.abc import Callable, Iterator

from podium.core import project, reference, run
from podium.core.check import CheckKind
from podium.measures import rows as arrays
from podium.measures.estimates import cbpe, cbpe_classes, isotonic, support
from podium.measures.performance import by_name
from podium.measures.performance.measure import Measure
from podium.monitor.checks import evaluate, finding, losses
from podium.monitor.checks.summary import Summary


def of_scores(
    scores: arrays.Numbers,
    threshold: float | None,
    summary: Summary,
    before: reference.Reference,
    spec: project.Project,
) -> Iterator[finding.Finding]:
    """The primary metric as it probably is on a window's rows, against the test split; hidden off training's support.

    `scores`: of all rows of the window, finite, shape [n], of several classes [n, classes]. Broken when the estimate is
    past the limit and its whole interval is worse than what training promised. A reference without calibration says
    nothing.
    """
    limits, expected = spec.monitor, before.metrics.get(spec.metrics.primary)
    told = before.calibration is not None or before.of_classes is not None
    if limits.estimated_drop <= 0 or not told or expected is None:
        return
    measure = by_name.find(spec.metrics.primary, spec.costs, spec.model.task)
    supported = not support.outside(summary.numeric, summary.categorical, before)
    found = None
    if len(scores) >= limits.min_rows and supported and not (measure.needs_threshold and threshold is None):
        if before.of_classes is not None:
            found = _of_classes(measure.name, scores, before.of_classes, spec)
        elif before.calibration is not None:
            found = _estimate(measure.name, scores, threshold, before.calibration, spec)
    yield _finding(measure, found, expected, limits, len(scores))


def of_losses(
    known: Callable[[], losses.Known], summary: Summary, before: reference.Reference, spec: project.Project
) -> Iterator[finding.Finding]:
    """The same of a regression, whose loss models in the bundle tell. `known`: makes them ready when asked.

    Hidden also where many rows lie in regions of which training saw few: what was learnt there is not theirs.
    """
    limits, expected = spec.monitor, before.metrics.get(spec.metrics.primary)
    if limits.estimated_drop <= 0 or expected is None:
        return
    measure, rows = by_name.find(spec.metrics.primary), sum(summary.score.counts)
    found, seen = None, (summary.numeric, summary.categorical, before)
    if rows >= limits.min_rows and not support.outside(*seen) and not support.thin(*seen):
        found = losses.estimate(known(), before, summary, measure.name, spec.metrics.confidence)
    yield _finding(measure, found, expected, limits, rows)


def _finding(
    measure: Measure, found: run.Interval | None, expected: float, limits: project.MonitorPart, rows: int
) -> finding.Finding:
    sign = 1.0 if measure.higher_is_better else -1.0
    limit = expected - sign * limits.estimated_drop * abs(expected)
    return evaluate.of_estimate(CheckKind.ESTIMATED, measure.name, found, expected, limit, sign, rows)


def _estimate(
    name: str,
    scores: arrays.Numbers,
    threshold: float | None,
    known: reference.Calibration,
    spec: project.Project,
) -> run.Interval | None:
    estimator = cbpe.ESTIMATORS.get(name)
    if estimator is None:
        if spec.costs is None:
            return None
        estimator = cbpe.cost(spec.costs)
    line = _line(known)
    return cbpe.cbpe(estimator, scores, line, 0.5 if threshold is None else threshold, spec.metrics.confidence)


def _of_classes(
    name: str, scores: arrays.Numbers, known: reference.ClassReference, spec: project.Project
) -> run.Interval | None:
    lines = [_line(each) for each in known.calibrations]
    return cbpe_classes.cbpe_classes(cbpe_classes.ESTIMATORS[name], scores, lines, spec.metrics.confidence)


def _line(known: reference.Calibration) -> isotonic.Line | None:
    return isotonic.Line(scores=known.scores, rates=known.rates, counts=known.counts) if known.scores else None
